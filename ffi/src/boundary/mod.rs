//! The boundary of C and Rust: the macro that exports functions, the panic guard, and the types of
//! pointers from C.

mod arguments;
#[macro_use]
pub(crate) mod export;
mod options;
mod results;

pub(crate) use arguments::{
    Items, Label, Text, UserData, labels, pairs, required, seconds, texts, with_texts,
};
pub(crate) use export::uncancelled;
pub(crate) use options::{HttpOptions, NativeBuckets, Options, Struct};
pub(crate) use results::{Buffer, Out, OwnedText, boxed, put};
