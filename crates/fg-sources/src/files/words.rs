//! What is said of a folder as a whole.

use std::sync::Arc;

use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Origin};

use super::document::about_file;

/// That nothing is in a folder of so many files, or in a file: hardly what was meant, and whoever
/// only looks for errors would find none.
pub(super) fn nothing(name: &Text, files: Option<usize>) -> Finding {
    let (text, hint) = match files {
        Some(0) => (
            "no objects found: files must end in .yaml, .yml or .json".to_owned(),
            "is it the right folder? Those below it are searched, too, but nothing whose name begins with a dot",
        ),
        Some(1) => ("no objects found in its only file".to_owned(), BEGINS),
        Some(files) => (format!("no objects found in its {files} files"), BEGINS),
        None => ("no objects found in it".to_owned(), BEGINS),
    };
    about_file(name, 0, FindingKind::NoObjects, text).hint(hint)
}

/// How files come to have objects.
const BEGINS: &str = "an object begins with `apiVersion:` and `kind:`";

/// A word on a kind that asks for traffic and that we do not serve: nobody should look for the
/// mistake in the objects themselves.
pub(super) fn unserved(((group, kind), count): (&(String, String), &usize)) -> Option<Finding> {
    let hint = match (group.as_str(), kind.as_str()) {
        ("networking.k8s.io" | "extensions", "Ingress") => "write an HTTPRoute instead",
        ("", "Endpoints") => "write an EndpointSlice instead",
        ("gateway.networking.k8s.io", "TLSRoute" | "TCPRoute" | "UDPRoute") => {
            "HTTPRoute and GRPCRoute are served"
        }
        (
            "gateway.networking.k8s.io" | "gateway.networking.x-k8s.io" | "gateway.kgateway.dev",
            _,
        ) => "nothing of them has any effect",
        _ => return None,
    };
    let about = ObjectRef::new(group, kind, "", "*");
    let text = match count {
        1 => format!("1 object of kind `{kind}` ({group}) is not served"),
        count => format!("{count} objects of kind `{kind}` ({group}) are not served"),
    };
    let about = Origin::of(Arc::new(about), 0);
    Some(Finding::info(about, FindingKind::UnsupportedValue, text).hint(hint))
}
