//! `#[derive(KeyPart)]`: a type writes itself into a key, field by field.
//!
//! A struct is the tuple of its fields, a struct of one unnamed field is that field, a variant of an enum is its name and
//! its fields; so no two values of a type write the same bytes, and the most that they can write is known.
//! What it deliberately does not do: unions, whose bytes have no meaning by themselves.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Generics, Ident, Path, Token, Variant, parse_quote};

use crate::errors::Errors;
use crate::hygiene;

type Variants = Punctuated<Variant, Token![,]>;

pub(crate) fn key_part(tokens: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(tokens) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let krate = krate(&input.attrs, &mut errors);
    let implementation = implementation(&input, &krate, &mut errors);
    let errors = errors.into_compile_errors();
    quote!(#implementation #errors)
}

/// Input: `enum Selector { Id(u64), Named { first: String, last: String } }`.
/// Output:
/// ```text
/// impl KeyPart for Selector {
///     const WIDTH: usize = width_max(&[width_sum(&[5, WidthOf::<u64>::WIDTH]), width_sum(&[8, …])]);
///     fn write_key(&self, writer: &mut KeyWriter) {
///         match self {
///             Selector::Id(field0) => { writer.open_variant("Id"); field0.write_key(writer); writer.close(); }
///             …
/// ```
fn implementation(input: &DeriveInput, krate: &TokenStream, errors: &mut Errors) -> TokenStream {
    let name = &input.ident;
    let Body { width, write } = match &input.data {
        Data::Struct(data) => of_struct(name, &data.fields, krate, errors),
        Data::Enum(data) => of_enum(name, &data.variants, krate, errors),
        Data::Union(data) => {
            errors.at(data.union_token, "a union cannot be part of a key: implement `KeyPart` by hand, or use an enum");
            Body { width: quote!(0), write: TokenStream::new() }
        }
    };
    let generics = bounded(&input.generics, krate);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let writer = hygiene::local("writer");
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::KeyPart for #name #type_generics #where_clause {
            const WIDTH: usize = {
                // A field that is no `KeyPart` counts as unbounded here; `write_key` reports it.
                use #krate::__private::UnboundedWidth as _;
                #width
            };

            #[inline]
            fn write_key(&self, #writer: &mut #krate::KeyWriter) {
                #write
            }
        }
    }
}

struct Body {
    width: TokenStream,
    write: TokenStream,
}

fn of_struct(name: &Ident, fields: &Fields, krate: &TokenStream, errors: &mut Errors) -> Body {
    let is_transparent = matches!(fields, Fields::Unnamed(unnamed) if unnamed.unnamed.len() == 1);
    let Parts { pattern, widths, elements } = parts(fields, krate, errors);
    let unpack = quote!(let #name #pattern = self;);
    if is_transparent && let [width] = &*widths {
        return Body { width: width.clone(), write: quote!(#unpack #elements) };
    }
    let writer = hygiene::local("writer");
    Body {
        width: quote!(#krate::__private::width_sum(&[2, #(#widths),*])),
        write: quote!(#unpack #writer.open_tuple(); #elements #writer.close();),
    }
}

fn of_enum(name: &Ident, variants: &Variants, krate: &TokenStream, errors: &mut Errors) -> Body {
    let writer = hygiene::local("writer");
    let mut most = Vec::new();
    let mut arms = TokenStream::new();
    for variant in variants {
        let ident = &variant.ident;
        let text = ident.unraw().to_string();
        let Parts { pattern, widths, elements } = parts(&variant.fields, krate, errors);
        // A tag, the length of the name (seven bits a byte), the name, and the end of the variant.
        let own = 1 + text.len().max(1).ilog2() as usize / 7 + 1 + text.len() + 1;
        most.push(quote!(#krate::__private::width_sum(&[#own, #(#widths),*])));
        arms.extend(quote! {
            #name::#ident #pattern => {
                #writer.open_variant(#text);
                #elements
                #writer.close();
            }
        });
    }
    Body {
        width: quote!(#krate::__private::width_max(&[#(#most),*])),
        // A value of a type that has none is matched by no arm, but only behind the reference.
        write: if variants.is_empty() { quote!(match *self {}) } else { quote!(match self { #arms }) },
    }
}

/// The fields that are part of the key.
///
/// Input: `{ id: u64, name: String }`.
/// Output: the pattern `{ id: field0, name: field1, .. }`, the widths, and
/// `<u64 as KeyPart>::write_key(field0, writer); …`.
struct Parts {
    pattern: TokenStream,
    widths: Vec<TokenStream>,
    elements: TokenStream,
}

fn parts(fields: &Fields, krate: &TokenStream, errors: &mut Errors) -> Parts {
    let writer = hygiene::local("writer");
    let mut bindings = TokenStream::new();
    let mut widths = Vec::new();
    let mut elements = TokenStream::new();
    for (index, (field, member)) in fields.iter().zip(fields.members()).enumerate() {
        if !is_skipped(field, errors) {
            let binding = hygiene::local(&format!("field{index}"));
            let ty = &field.ty;
            bindings.extend(quote!(#member: #binding,));
            // The width of a type that holds itself would be asked for while it is computed.
            widths.push(if may_hold_itself(ty.to_token_stream()) {
                quote!(::core::primitive::usize::MAX)
            } else {
                quote!(#krate::__private::WidthOf::<#ty>::WIDTH)
            });
            elements.extend(quote!(<#ty as #krate::KeyPart>::write_key(#binding, #writer);));
        }
    }
    Parts { pattern: quote!({ #bindings .. }), widths, elements }
}

/// Whether a type has a pointer in it: behind that, and nowhere else, the type of the field's owner may stand again.
fn may_hold_itself(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        TokenTree::Group(group) => may_hold_itself(group.stream()),
        TokenTree::Ident(ident) => ["Box", "Rc", "Arc"].iter().any(|pointer| ident == pointer),
        TokenTree::Punct(punct) => punct.as_char() == '&',
        TokenTree::Literal(_) => false,
    })
}

/// Input: `T`. Output: `T: KeyPart`.
fn bounded(generics: &Generics, krate: &TokenStream) -> Generics {
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#krate::KeyPart));
    }
    generics
}

/// The path of the runtime crate, which `#[key_part(crate = path)]` replaces.
fn krate(attrs: &[Attribute], errors: &mut Errors) -> TokenStream {
    let mut krate = quote!(::cachekit);
    options(attrs, errors, |meta| {
        if meta.path.is_ident("crate") {
            let path = Path::parse_mod_style(meta.value()?)?;
            krate = hygiene::repeated(path);
            return Ok(());
        }
        Err(meta.error("unknown option: expected `crate = path`; `skip` goes on a field"))
    });
    krate
}

fn is_skipped(field: &Field, errors: &mut Errors) -> bool {
    let mut is_skipped = false;
    options(&field.attrs, errors, |meta| {
        if meta.path.is_ident("skip") {
            is_skipped = true;
            return Ok(());
        }
        Err(meta.error("unknown option: expected `skip`; `crate = path` goes on the type"))
    });
    is_skipped
}

fn options(attrs: &[Attribute], errors: &mut Errors, mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("key_part")) {
        if let Err(error) = attr.parse_nested_meta(&mut read) {
            errors.push(error);
        }
    }
}
