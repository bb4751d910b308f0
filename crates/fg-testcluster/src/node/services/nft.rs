//! The text that makes nftables follow the Services. Pure.
//!
//! One map leads from (address, protocol, port) to a chain of its own, which picks an endpoint at random; so a change
//! of one Service rewrites the rules of that Service only, and thousands of Services cost a packet one look-up.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddrV4},
};

use super::table::{Front, Fronts, Key};

/// Everything but the Services themselves.
const FRAME: &str = "\
add table ip ferrogate
delete table ip ferrogate
table ip ferrogate {
  map fronts { type ipv4_addr . inet_proto . inet_service : verdict; }
  set hairpin { type ipv4_addr . ipv4_addr; }
  chain dispatch { ip daddr . meta l4proto . th dport vmap @fronts; }
  chain prerouting { type nat hook prerouting priority -100; jump dispatch; }
  chain output { type nat hook output priority -100; jump dispatch; }
  chain postrouting { type nat hook postrouting priority 100; ct status dnat ip saddr . ip daddr @hairpin masquerade; }
  chain forward { type filter hook forward priority 0; ip daddr { 10.96.0.0/16, 10.99.0.0/24 } reject; }
  chain local { type filter hook output priority 0; ip daddr { 10.96.0.0/16, 10.99.0.0/24 } reject; }
}
";

/// Rules as they should be, and as they were last written.
#[derive(Debug, Default)]
pub(super) struct Rules {
    wanted: BTreeMap<Key, Fronts>,
    touched: BTreeSet<Key>,
    /// What the kernel has, and the number of each front's chain.
    kernel: BTreeMap<Front, (u64, Vec<SocketAddrV4>)>,
    /// Endpoint addresses that the kernel's hairpin set holds.
    hairpin: BTreeSet<Ipv4Addr>,
    /// What `kernel` and `hairpin` become once the text is written.
    next: Option<Written>,
    chains: u64,
}

type Written = (
    BTreeMap<Front, (u64, Vec<SocketAddrV4>)>,
    BTreeSet<Ipv4Addr>,
);

impl Rules {
    /// Sets the fronts of one Service.
    pub(super) fn set(&mut self, key: &Key, fronts: Fronts) {
        if self.wanted.get(key).unwrap_or(&Fronts::new()) == &fronts {
            return;
        }
        self.touched.insert(key.clone());
        if fronts.is_empty() {
            self.wanted.remove(key);
        } else {
            self.wanted.insert(key.clone(), fronts);
        }
    }

    /// The text that writes all rules anew.
    pub(super) fn all(&mut self) -> String {
        self.kernel.clear();
        self.hairpin.clear();
        let mut text = FRAME.to_owned();
        text.push_str(&self.difference());
        text
    }

    /// The text that brings the kernel's rules to the wanted ones; none: they are the same.
    pub(super) fn changes(&mut self) -> Option<String> {
        if self.touched.is_empty() {
            return None;
        }
        Some(self.difference()).filter(|text| !text.is_empty())
    }

    /// The last text was written.
    pub(super) fn written(&mut self) {
        if let Some((kernel, hairpin)) = self.next.take() {
            self.kernel = kernel;
            self.hairpin = hairpin;
            self.touched.clear();
        }
    }

    fn difference(&mut self) -> String {
        let wanted: BTreeMap<Front, &Vec<SocketAddrV4>> = self
            .wanted
            .values()
            .flatten()
            .map(|(front, endpoints)| (*front, endpoints))
            .collect();
        let addresses: BTreeSet<Ipv4Addr> = wanted
            .values()
            .flat_map(|all| all.iter().map(|one| *one.ip()))
            .collect();
        let mut next = self.kernel.clone();
        let mut text = String::new();
        for (front, (chain, _)) in &self.kernel {
            if !wanted.contains_key(front) {
                next.remove(front);
                let element = element(front);
                writeln!(text, "delete element ip ferrogate fronts {{ {element} }}").ok();
                writeln!(
                    text,
                    "flush chain ip ferrogate to-{chain}\ndelete chain ip ferrogate to-{chain}"
                )
                .ok();
            }
        }
        for (front, endpoints) in wanted {
            let known = self.kernel.get(&front);
            if known.is_some_and(|(_, now)| now == endpoints) {
                continue;
            }
            let chain = known.map_or_else(
                || {
                    self.chains += 1;
                    self.chains
                },
                |(chain, _)| *chain,
            );
            let verb = if known.is_some() { "flush" } else { "add" };
            writeln!(text, "{verb} chain ip ferrogate to-{chain}").ok();
            writeln!(
                text,
                "add rule ip ferrogate to-{chain} {}",
                destination(front.protocol, endpoints)
            )
            .ok();
            if known.is_none() {
                let element = element(&front);
                writeln!(
                    text,
                    "add element ip ferrogate fronts {{ {element} : goto to-{chain} }}"
                )
                .ok();
            }
            next.insert(front, (chain, endpoints.clone()));
        }
        let pairs = |set: Vec<&Ipv4Addr>| {
            set.iter()
                .map(|a| format!("{a} . {a}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (old, new) = (
            self.hairpin.difference(&addresses).collect(),
            addresses.difference(&self.hairpin).collect(),
        );
        for (verb, set) in [("delete", pairs(old)), ("add", pairs(new))] {
            if !set.is_empty() {
                writeln!(text, "{verb} element ip ferrogate hairpin {{ {set} }}").ok();
            }
        }
        self.next = Some((next, addresses));
        text
    }
}

fn element(front: &Front) -> String {
    format!("{} . {} . {}", front.address, front.protocol, front.port)
}

fn destination(protocol: &str, endpoints: &[SocketAddrV4]) -> String {
    if let [one] = endpoints {
        return format!("meta l4proto {protocol} dnat to {one}");
    }
    let all: Vec<String> = endpoints
        .iter()
        .enumerate()
        .map(|(index, one)| format!("{index} : {} . {}", one.ip(), one.port()))
        .collect();
    format!(
        "meta l4proto {protocol} dnat to numgen random mod {} map {{ {} }}",
        all.len(),
        all.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fronts(endpoints: &[&str]) -> Fronts {
        let front = Front {
            address: Ipv4Addr::new(10, 96, 0, 9),
            protocol: "tcp",
            port: 80,
        };
        Fronts::from([(
            front,
            endpoints.iter().map(|text| text.parse().unwrap()).collect(),
        )])
    }

    fn key() -> Key {
        ("ns".to_owned(), "web".to_owned())
    }

    #[test]
    fn only_what_differs_is_written() {
        let mut rules = Rules::default();
        assert!(
            rules
                .all()
                .starts_with("add table ip ferrogate\ndelete table")
        );
        rules.written();
        rules.set(&key(), fronts(&["10.244.0.2:3000"]));
        assert_eq!(
            rules.changes().unwrap(),
            "add chain ip ferrogate to-1\n\
             add rule ip ferrogate to-1 meta l4proto tcp dnat to 10.244.0.2:3000\n\
             add element ip ferrogate fronts { 10.96.0.9 . tcp . 80 : goto to-1 }\n\
             add element ip ferrogate hairpin { 10.244.0.2 . 10.244.0.2 }\n"
        );
        rules.written();
        rules.set(&key(), fronts(&["10.244.0.2:3000"]));
        assert_eq!(rules.changes(), None);
        rules.set(&key(), fronts(&["10.244.0.2:3000", "10.244.0.3:3000"]));
        assert_eq!(
            rules.changes().unwrap(),
            "flush chain ip ferrogate to-1\n\
             add rule ip ferrogate to-1 meta l4proto tcp dnat to numgen random mod 2 map \
             { 0 : 10.244.0.2 . 3000, 1 : 10.244.0.3 . 3000 }\n\
             add element ip ferrogate hairpin { 10.244.0.3 . 10.244.0.3 }\n"
        );
        rules.written();
        rules.set(&key(), Fronts::new());
        assert_eq!(
            rules.changes().unwrap(),
            "delete element ip ferrogate fronts { 10.96.0.9 . tcp . 80 }\n\
             flush chain ip ferrogate to-1\ndelete chain ip ferrogate to-1\n\
             delete element ip ferrogate hairpin { 10.244.0.2 . 10.244.0.2, 10.244.0.3 . 10.244.0.3 }\n"
        );
    }

    #[test]
    fn a_failed_write_is_followed_by_all_rules() {
        let mut rules = Rules::default();
        rules.set(&key(), fronts(&["10.244.0.2:3000"]));
        rules.all();
        let again = rules.all();
        assert!(again.contains("10.96.0.9 . tcp . 80 : goto to-"), "{again}");
    }
}
