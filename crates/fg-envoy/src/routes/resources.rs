//! One route configuration and its virtual hosts.
//!
//! Each domain is a virtual host of its own, and a resource of its own where virtual hosts are
//! discovered one by one (VHDS). Hosts of listeners that are not served here are answered 421: those
//! below the hostname of a listener that is served by virtual hosts of their own, all others by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use envoy_types::pb::envoy::config::core::v3::{
    AggregatedConfigSource, ApiVersion, ConfigSource, config_source::ConfigSourceSpecifier,
};
use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, Vhds, VirtualHost};
use envoy_types::pb::google::protobuf::BoolValue;
use fg_base::Text;
use fg_exchange::Reason;
use fg_model::{HostPattern, ObjectRef};
use fg_policies::envoy::plain;
use prost::Message as _;

use super::sockets::{Owners, Serves};
use super::table::{ListenerRules, Means, Table};
use super::whole::{Host, Whole};
use super::{answers, encode, list, names};
use crate::compiler::Output;
use crate::resource::Kind;
use crate::settings::{RouteShape, Settings};

/// A route configuration that was given out.
#[derive(Debug)]
pub(super) struct Configuration {
    name: String,
    shape: RouteShape,
    pub(super) serves: Serves,
    hosts: BTreeMap<Text, Arc<Host>>,
}

impl Configuration {
    pub(super) fn new(name: String, shape: RouteShape, serves: Serves) -> Self {
        Self {
            name,
            shape,
            serves,
            hosts: BTreeMap::new(),
        }
    }

    /// Makes all virtual hosts again.
    pub(super) fn rebuild(
        &mut self,
        means: Means<'_>,
        owners: &Owners,
        table: &Table,
        output: &mut Output,
    ) {
        let mut wanted: BTreeMap<Text, Host> = BTreeMap::new();
        let mut elsewhere = Vec::new();
        let mut gateways = BTreeSet::new();
        for (hostname, listener) in owners.all() {
            let gateway = &listener.origin.object;
            if self.serves.has(listener) {
                gateways.insert(gateway.clone());
                let Some(rules) = table.listener(&listener.key) else {
                    continue;
                };
                for domain in rules.domains() {
                    if owns(owners, rules, &domain) {
                        wanted.insert(text(&domain), self.served(means, rules, &domain));
                    }
                }
                continue;
            }
            let next = owners.next_owner(hostname);
            let is_alone = *hostname == HostPattern::Any;
            match next.map(|next| self.serves.has(next)) {
                Some(true) => {}
                None if is_alone => {}
                None => {
                    elsewhere.push((hostname.to_string(), gateway.clone()));
                    continue;
                }
                // The virtual host of the wider one says the same.
                Some(false) => continue,
            }
            let about = vec![gateway.clone()];
            let domain = hostname.to_string();
            let named = (domain.as_str(), vec![domain.clone()]);
            let host = self.answering(means.settings, named, Reason::Misdirected, about);
            wanted.insert(domain.into(), host);
        }
        if owners.owner(&HostPattern::Any).is_none() {
            let about: Vec<_> = gateways.iter().cloned().collect();
            let named = ("*", vec!["*".to_owned()]);
            let host = self.answering(means.settings, named, Reason::NoListener, about);
            wanted.insert("*".into(), host);
        }
        if !elsewhere.is_empty() {
            let (domains, about): (Vec<_>, Vec<_>) = elsewhere.into_iter().unzip();
            let named = (names::ELSEWHERE, domains);
            let host = self.answering(means.settings, named, Reason::Misdirected, about);
            wanted.insert(names::ELSEWHERE.into(), host);
        }
        let gone = self.hosts.keys().filter(|name| !wanted.contains_key(*name));
        let gone: Vec<Text> = gone.cloned().collect();
        for name in gone {
            self.put(name, None, output);
        }
        for (name, host) in wanted {
            self.put(name, Some(host), output);
        }
        self.finish(gateways.into_iter().collect(), output);
    }

    /// Makes the virtual hosts of these domains of a listener again.
    pub(super) fn refresh(
        &mut self,
        means: Means<'_>,
        owners: &Owners,
        rules: &ListenerRules,
        domains: &BTreeSet<HostPattern>,
        output: &mut Output,
    ) {
        for domain in domains {
            // What another listener owns is not touched by the rules of this one.
            if !owns(owners, rules, domain) {
                continue;
            }
            let host = rules
                .has_domain(domain)
                .then(|| self.served(means, rules, domain));
            self.put(text(domain), host, output);
        }
        if self.shape == RouteShape::Whole {
            let served = owners.all().filter(|(_, one)| self.serves.has(one));
            let gateways = served.map(|(_, one)| one.origin.object.clone()).collect();
            self.finish(gateways, output);
        }
    }

    /// Takes it away.
    pub(super) fn remove(mut self, output: &mut Output) {
        let names: Vec<Text> = self.hosts.keys().cloned().collect();
        for name in names {
            self.put(name, None, output);
        }
        output.remove(Kind::RouteConfiguration, &self.name);
    }

    fn put(&mut self, name: Text, host: Option<Host>, output: &mut Output) {
        if self.shape == RouteShape::PerHost {
            let resource = names::virtual_host(&self.name, &name);
            match &host {
                Some(Host { body, about }) => {
                    output.put_encoded(Kind::VirtualHost, &resource, body.clone(), about.clone());
                }
                None => output.remove(Kind::VirtualHost, &resource),
            }
        }
        match host {
            Some(host) => self.hosts.insert(name, Arc::new(host)),
            None => self.hosts.remove(&name),
        };
    }

    /// Gives out the route configuration itself.
    fn finish(&self, mut about: Vec<Arc<ObjectRef>>, output: &mut Output) {
        let source = ConfigSource {
            resource_api_version: ApiVersion::V3.into(),
            config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
            ..ConfigSource::default()
        };
        let by_host = self.shape == RouteShape::PerHost;
        let message = RouteConfiguration {
            name: self.name.clone(),
            vhds: by_host.then_some(Vhds {
                config_source: Some(source),
            }),
            // What the policies of a backend set stands, over what those of the rule set.
            most_specific_header_mutations_wins: true,
            // The gateway alone says why it answered by itself: no backend may seem to be it. Envoy does
            // this before what routes add, and before its own answers are dressed. Said here, and not of
            // each route: Envoy reads all of them anew with each edit.
            response_headers_to_remove: vec![answers::REASON_FIELD.to_owned()],
            // A route may come before its cluster, and shares that go nowhere name none that is.
            validate_clusters: Some(BoolValue { value: false }),
            ignore_port_in_host_matching: true,
            ..RouteConfiguration::default()
        };
        if by_host {
            output.put(Kind::RouteConfiguration, &self.name, &message, about);
            return;
        }
        let hosts = self.hosts.values();
        about.extend(hosts.flat_map(|host| host.about.iter().cloned()));
        let whole = Whole::new(message.encode_to_vec().into(), self.hosts.clone());
        output.put_whole(&self.name, whole, about);
    }

    /// The virtual host of a domain that is served.
    fn served(&self, means: Means<'_>, rules: &ListenerRules, domain: &HostPattern) -> Host {
        let (routes, mut about) = rules.routes(means, domain);
        if about.is_empty() {
            let gateway = rules.listener.iter();
            about.extend(gateway.map(|listener| listener.origin.object.clone()));
        }
        let domain = domain.to_string();
        let domains = vec![domain.clone()];
        self.host(
            means.settings,
            (&domain, domains),
            &routes,
            Reason::NoRoute,
            about,
        )
    }

    /// A virtual host that answers all alike.
    fn answering(
        &self,
        settings: &Settings,
        (name, domains): (&str, Vec<String>),
        reason: Reason,
        about: Vec<Arc<ObjectRef>>,
    ) -> Host {
        self.host(settings, (name, domains), &[], reason, about)
    }

    /// A virtual host of these routes, which are fields already; what none of them takes is answered with the reason.
    fn host(
        &self,
        settings: &Settings,
        (name, domains): (&str, Vec<String>),
        routes: &[Bytes],
        otherwise: Reason,
        about: Vec<Arc<ObjectRef>>,
    ) -> Host {
        let forwards = !routes.is_empty();
        let head = VirtualHost {
            name: names::virtual_host(&self.name, name),
            domains,
            // What rules without policies say: once, not in each of them.
            retry_policy: forwards
                .then(|| plain(false))
                .and_then(|plain| plain.retry_policy),
            ..VirtualHost::default()
        };
        let mut fields = routes.concat();
        let last = encode::route(answers::to_all(settings, otherwise));
        encode::field(list::number(self.shape), &last, &mut fields);
        Host {
            body: list::host(self.shape, head, fields),
            about,
        }
    }
}

/// Whether a listener owns a domain of its routes.
fn owns(owners: &Owners, rules: &ListenerRules, domain: &HostPattern) -> bool {
    let owner = owners.owner(domain);
    let key = rules.listener.as_ref().map(|listener| &listener.key);
    owner.map(|owner| &owner.key) == key
}

fn text(domain: &HostPattern) -> Text {
    domain.to_string().into()
}
