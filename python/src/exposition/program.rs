//! The name of the running program, for the default identity of its segment.

use std::path::Path;
use std::sync::OnceLock;

use pyo3::prelude::*;

static NAME: OnceLock<String> = OnceLock::new();

/// The name of a program that has none, such as `python -c`.
const NAMELESS: &str = "python";

/// Stores the name of the program when the module is imported. The first count may happen on a
/// thread that must not wait for the interpreter.
pub(crate) fn note(py: Python<'_>) {
    NAME.get_or_init(|| find(py).unwrap_or_default());
}

/// Returns the name of the program.
pub(crate) fn name() -> &'static str {
    NAME.get().map(String::as_str).filter(|name| !name.is_empty()).unwrap_or(NAMELESS)
}

fn find(py: Python<'_>) -> PyResult<String> {
    let sys = py.import("sys")?;
    let argument = |name: &str, at: usize| sys.getattr(name)?.get_item(at)?.extract::<String>();
    let script = argument("argv", 0)?;
    if script != "-m" {
        return Ok(of_script(&script));
    }
    // `python -m NAME` imports the parent packages of NAME before it knows the script.
    let mut before = String::new();
    for at in 1.. {
        let word = argument("orig_argv", at)?;
        if before.starts_with('-') && !before.starts_with("--") && before.ends_with('m') {
            return Ok(word.rsplit('.').next().unwrap_or_default().to_owned());
        }
        before = word;
    }
    Ok(String::new())
}

/// Returns the name of a script without `.py`, or the name of its folder for a `__main__.py`.
fn of_script(script: &str) -> String {
    let path = Path::new(script);
    let stem = if path.extension().is_some_and(|extension| extension == "py") {
        path.file_stem()
    } else {
        path.file_name()
    };
    let stem = match stem {
        Some(stem) if stem == "__main__" => path.parent().and_then(Path::file_name),
        stem => stem,
    };
    let name = stem.unwrap_or_default().to_string_lossy();
    if name.starts_with('-') { String::new() } else { name.into_owned() }
}
