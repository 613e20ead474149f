//! `#[derive(KeyPart)]`: a type writes itself into a key, field by field.
//!
//! A struct is the tuple of its fields, a struct of one unnamed field is that field, a variant of an enum is its name and
//! its fields; so no two values of a type write the same bytes, and the most that they can write is known.
//! What it deliberately does not do: unions, whose bytes have no meaning by themselves.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Generics, Ident, Member, Path, Variant, parse_quote};

use crate::errors::Errors;
use crate::hygiene;

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
///     const WIDTH: usize = width_max(&[width_sum(&[5, <u64>::WIDTH]), width_sum(&[8, …])]);
///     fn write_key(&self, writer: &mut KeyWriter) {
///         match self {
///             Selector::Id(field0) => { writer.open_variant("Id"); field0.write_key(writer); writer.close(); }
///             …
/// ```
fn implementation(input: &DeriveInput, krate: &TokenStream, errors: &mut Errors) -> TokenStream {
    let name = &input.ident;
    let Body { width, write } = match &input.data {
        Data::Struct(data) => of_struct(name, &data.fields, krate, errors),
        Data::Enum(data) => of_enum(name, &data.variants.iter().collect::<Vec<_>>(), krate, errors),
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
            const WIDTH: usize = #width;

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
    let parts = parts(fields, krate, errors);
    let bindings = parts.iter().map(|part| &part.binding);
    let members = parts.iter().map(|part| &part.member);
    let writes = parts.iter().map(|part| &part.write);
    let writer = hygiene::local("writer");
    let unpack = quote!(let #name { #(#members: #bindings,)* .. } = self;);
    match (&*parts, is_transparent) {
        ([part], true) => Body { width: part.width.clone(), write: quote!(#unpack #(#writes)*) },
        _ => {
            let widths = parts.iter().map(|part| &part.width);
            Body {
                width: quote!(#krate::__private::width_sum(&[2, #(#widths),*])),
                write: quote!(#unpack #writer.open_tuple(); #(#writes)* #writer.close();),
            }
        }
    }
}

fn of_enum(name: &Ident, variants: &[&Variant], krate: &TokenStream, errors: &mut Errors) -> Body {
    let writer = hygiene::local("writer");
    let (widths, arms): (Vec<_>, Vec<_>) = variants
        .iter()
        .map(|variant| {
            let ident = &variant.ident;
            let text = ident.unraw().to_string();
            let parts = parts(&variant.fields, krate, errors);
            let (widths, writes) = (parts.iter().map(|part| &part.width), parts.iter().map(|part| &part.write));
            let (bindings, members) = (parts.iter().map(|part| &part.binding), parts.iter().map(|part| &part.member));
            // A tag, the name with its end, and the end of the variant.
            let own_width = text.len() + 3;
            (
                quote!(#krate::__private::width_sum(&[#own_width, #(#widths),*])),
                quote! {
                    #name::#ident { #(#members: #bindings,)* .. } => {
                        #writer.open_variant(#text);
                        #(#writes)*
                        #writer.close();
                    }
                },
            )
        })
        .unzip();
    let write = if variants.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms)* }) };
    Body { width: quote!(#krate::__private::width_max(&[#(#widths),*])), write }
}

/// One field that is part of the key.
struct Part {
    member: Member,
    binding: Ident,
    width: TokenStream,
    write: TokenStream,
}

fn parts(fields: &Fields, krate: &TokenStream, errors: &mut Errors) -> Vec<Part> {
    let writer = hygiene::local("writer");
    let mut parts = Vec::new();
    for (index, (field, member)) in fields.iter().zip(fields.members()).enumerate() {
        if !is_skipped(field, errors) {
            let binding = hygiene::local(&format!("field{index}"));
            let ty = &field.ty;
            let quiet = hygiene::repeated(ty);
            parts.push(Part {
                member,
                width: quote!(<#quiet as #krate::KeyPart>::WIDTH),
                write: quote!(<#ty as #krate::KeyPart>::write_key(#binding, #writer);),
                binding,
            });
        }
    }
    parts
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
