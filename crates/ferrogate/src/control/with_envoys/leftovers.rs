//! What is made no more, and waits until no Envoy uses it, holds up nothing.

use fg_testkit::Upstream;
use fg_testkit::address::own_address;
use fg_testkit::certificates::{Authority, secret};
use fg_testkit::upstream::ok;

use super::ground::{Ground, Proxy};
use super::{is_programmed, plain};

#[test]
fn a_certificate_that_is_used_no_more_holds_up_no_envoy() {
    let (one, two) = (Upstream::replying(ok("one")), Upstream::replying(ok("two")));
    let mut ground = Ground::new(&[("one", one.address()), ("two", two.address())]);
    let authority = Authority::new("leftovers");
    let at = own_address();
    let secrets = ["a", "b"].map(|name| secret(name, &authority.issue(&["*.test"])));
    ground.apply("secrets", &secrets.concat());
    ground.apply("route", &plain("one"));
    // All of this before there is an Envoy, that could use the first certificate and backend.
    ground.secure(at, "a");
    ground.secure(at, "b");
    ground.apply("route", &plain("two"));
    let _a = Proxy::start(&ground, "web-a", None);
    ground.until("the first", |ground| {
        (ground.confirmed() == 1).then_some(())
    });
    let (_, resources) = ground.resources();
    // One that has everything, and one that comes meanwhile.
    ground.secure(at, "a");
    ground.apply("route", &plain("one"));
    let _b = Proxy::start(&ground, "web-b", None);
    ground.until("both", |ground| {
        (ground.confirmed() == 2 && is_programmed(ground)).then_some(())
    });
    ground.until("nothing to be left", |ground| {
        (ground.resources().1 == resources).then_some(())
    });
}
