//! What the function returns, and which part of it is kept.
//!
//! A macro sees text, so `Result` is recognised by name: `Result`, with or without arguments, and `…Result<T>`, as
//! aliases of it are called. `result = …` overrides the guess. A name such as `SearchResult` alone is more often a struct.
//! What it deliberately does not do: judge whether the value can be kept.

use syn::{GenericArgument, Generics, PathArguments, PathSegment, ReturnType, Type, TypeParamBound};

use crate::lifetimes;

/// What the future yields that a function returns in a box, as `#[async_trait]` makes of an `async fn`.
///
/// Input: `-> Pin<Box<dyn Future<Output = User> + Send + 'async_trait>>`. Output: `-> User`.
pub(crate) fn awaited(output: &ReturnType) -> Option<ReturnType> {
    let ReturnType::Type(arrow, ty) = output else { return None };
    let segment = last_segment(ty)?;
    let yielded = match segment.ident.to_string().as_str() {
        "BoxFuture" | "LocalBoxFuture" => first_type(segment)?.clone(),
        "Pin" => {
            let boxed = last_segment(first_type(segment)?).filter(|segment| segment.ident == "Box")?;
            let Type::TraitObject(future) = first_type(boxed)? else { return None };
            let segment = future.bounds.iter().find_map(|bound| match bound {
                TypeParamBound::Trait(bound) => bound.path.segments.last().filter(|last| last.ident == "Future"),
                _ => None,
            })?;
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::AssocType(output) if output.ident == "Output" => Some(output.ty.clone()),
                _ => None,
            })?
        }
        _ => return None,
    };
    Some(ReturnType::Type(*arrow, Box::new(yielded)))
}

pub(crate) struct Output {
    /// The declared type, `()` where there is none.
    pub(crate) ty: Type,
    pub(crate) is_result: bool,
    pub(crate) value: Value,
}

/// The type that is kept.
pub(crate) enum Value {
    /// It stands in the signature.
    Written(Type),
    /// It is what the `Ok` of this type holds.
    OkOf(Type),
}

impl Output {
    pub(crate) fn new(output: &ReturnType, result: Option<bool>, generics: &Generics) -> Self {
        let ty = match output {
            ReturnType::Type(_, ty) => (**ty).clone(),
            ReturnType::Default => syn::parse_quote!(()),
        };
        let named = last_segment(&ty).is_some_and(is_named_result);
        // A function that returns nothing has no `Result`, whatever the option says; `validate` reports it.
        let is_result = result.unwrap_or(named) && !matches!(output, ReturnType::Default);
        let value = match (is_result, named.then(|| last_segment(&ty).and_then(first_type)).flatten()) {
            (false, _) => Value::Written(ty.clone()),
            (true, Some(ok)) => Value::Written(ok.clone()),
            // The error may borrow; the value does not, so its type is the same for a longer life of the error.
            (true, None) => Value::OkOf(lifetimes::outlasting(&ty, generics)),
        };
        Self { ty, is_result, value }
    }

    /// The part of the declared type that must borrow nothing.
    pub(crate) fn kept(&self) -> &Type {
        match &self.value {
            Value::Written(ty) => ty,
            Value::OkOf(_) => &self.ty,
        }
    }

    /// The part of the declared type that says what the error is: all of it where an alias hides that.
    pub(crate) fn failed(&self) -> &Type {
        last_segment(&self.ty).and_then(|segment| types(segment).nth(1)).unwrap_or(&self.ty)
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        // What a `macro_rules` passes on as a type comes in invisible parentheses.
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

fn is_named_result(segment: &PathSegment) -> bool {
    segment.ident == "Result" || segment.ident.to_string().ends_with("Result") && first_type(segment).is_some()
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    types(segment).next()
}

fn types(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;

    fn said(output: &str, result: Option<bool>) -> String {
        let output = Output::new(&syn::parse_str(output).unwrap(), result, &Generics::default());
        match output.value {
            Value::Written(ty) => format!("{} {}", output.is_result, ty.to_token_stream()),
            Value::OkOf(ty) => format!("{} Ok of {}", output.is_result, ty.to_token_stream()),
        }
    }

    #[test]
    fn results_are_recognised_by_name() {
        assert_eq!(said("-> Result<u8, E>", None), "true u8");
        assert_eq!(said("-> io::Result<Vec<u8>>", None), "true Vec < u8 >");
        assert_eq!(said("-> PResult<'static, u8>", None), "true u8");
        assert_eq!(said("-> fmt::Result", None), "true Ok of fmt :: Result");
        assert_eq!(said("-> SearchResult", None), "false SearchResult");
        assert_eq!(said("-> Option<u8>", None), "false Option < u8 >");
        assert_eq!(said("", None), "false ()");
    }

    #[test]
    fn the_option_overrides_the_guess() {
        assert_eq!(said("-> Result<u8, E>", Some(false)), "false Result < u8 , E >");
        assert_eq!(said("-> Fallible<E>", Some(true)), "true Ok of Fallible < E >");
    }
}
