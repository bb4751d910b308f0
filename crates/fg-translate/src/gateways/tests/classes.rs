//! Classes: those that exist unwritten, those that are written, and those that cannot be used.

use fg_api::report::Subject;

use super::{HTTP, gateway};
use crate::testing::{findings, line, listeners, only, put, remove, report, translated};

#[test]
fn classes_of_ours_exist_without_being_written() {
    for (class, expected) in [
        ("ferrogate", vec![]),
        ("ferrogate-envoy", vec![]),
        (
            "ferrogate-waypoint",
            vec!["Error ClassNotAccepted Gateway default/g spec.gatewayClassName"],
        ),
    ] {
        let world =
            translated(&gateway("g", HTTP).replace("Name: ferrogate,", &format!("Name: {class},")));
        assert_eq!(findings(&world), expected, "{class}");
        let served = class != "ferrogate-waypoint";
        assert_eq!(
            listeners(&world, "g"),
            [if served { "http=0" } else { "-http=0" }]
        );
        assert_eq!(world.ir().listeners.len(), usize::from(served));
    }
}

#[test]
fn a_class_that_does_not_exist_is_guessed_and_waited_for() {
    let mut world = translated(&gateway("g", HTTP).replace("Name: ferrogate,", "Name: ferogate,"));
    let finding = only(&world);
    assert_eq!(
        line(&finding),
        "Error ClassNotFound Gateway default/g spec.gatewayClassName"
    );
    assert_eq!(finding.hint.as_deref(), Some("did you mean `ferrogate`?"));
    assert!(world.reports().is_empty());
    let class = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ferogate}
spec: {controllerName: ferrogate.dev/gateway}
";
    let outcome = put(&mut world, class);
    assert_eq!(outcome.resolved.len(), 1);
    assert_eq!(outcome.appeared.len(), 0);
    assert_eq!(listeners(&world, "g"), ["http=0"]);
    let outcome = remove(&mut world, class);
    assert_eq!(outcome.appeared.len(), 1);
    assert!(world.ir().listeners.is_empty());
}

#[test]
fn a_class_that_is_written_hides_the_one_that_exists_anyway() {
    let class = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ferrogate}
spec: {controllerName: example.org/them}
";
    let mut world = translated(&format!("{class}{}", gateway("g", HTTP)));
    assert!(world.reports().is_empty());
    remove(&mut world, class);
    assert_eq!(listeners(&world, "g"), ["http=0"]);
}

#[test]
fn classes_of_ours_that_cannot_be_used_say_so() {
    for (spec, expected) in [
        ("{controllerName: ferrogate.dev/gateway}", vec![]),
        (
            "{controllerName: ferrogate.dev/waypoint}",
            vec!["Error UnsupportedClass GatewayClass c spec.controllerName"],
        ),
        (
            "{controllerName: ferrogate.dev/gatewy}",
            vec!["Error UnsupportedClass GatewayClass c spec.controllerName"],
        ),
        (
            "{controllerName: ferrogate.dev/gateway, parametersRef: {group: a.io, kind: P, name: p}}",
            vec!["Error InvalidParameters GatewayClass c spec.parametersRef"],
        ),
    ] {
        let class = format!(
            "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: c}}
spec: {spec}
"
        );
        let world = translated(&class);
        assert_eq!(findings(&world), expected);
        assert_eq!(
            report(&world, "GatewayClass", "c").subject,
            Subject::GatewayClass(fg_model::Plane::Native)
        );
    }
}
