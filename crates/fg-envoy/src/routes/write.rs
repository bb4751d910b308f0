//! The routes of one match of a rule.
//!
//! Most often it is one. A policy may want others before it; and the policies of a backend may want
//! a route of that backend's own. Then each backend of the rule gets one, with its part of the
//! requests as a fraction of the match: Envoy draws one number for all routes, so each fraction is
//! that of its backend and of those before it.

use bytes::Bytes;
use envoy_types::pb::envoy::config::core::v3::RuntimeFractionalPercent;
use envoy_types::pb::envoy::config::route::v3::{
    Route, RouteAction, WeightedCluster,
    route::Action,
    route_action::{ClusterNotFoundResponseCode, ClusterSpecifier},
    weighted_cluster::ClusterWeight,
};
use envoy_types::pb::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};
use envoy_types::pb::google::protobuf::UInt32Value;
use fg_exchange::Reason;
use fg_ir::{
    Action as Does, BackendKey, BackendProtocol, Ir, Place, RefusalKind, RouteKind, Rule,
    RuleBackend, Target,
};
use fg_model::Match;
use fg_policies::envoy::{
    Call, HttpFilter, Outcome, Sink, Site, Surroundings, Target as Into, plain,
};
use fg_policies::traffic;

use super::rule::{Facts, Needs, Spot};
use super::{Speech, answers, encode, list, matches, names};
use crate::compiler::Refusal;
use crate::settings::Settings;

/// What [`DenominatorType::Million`] is.
const MILLION: u64 = 1_000_000;

/// Writes the routes of a rule, and notes what they use.
pub(super) struct Writer<'a> {
    settings: &'a Settings,
    ir: &'a Ir,
    rule: &'a Rule,
    name: String,
    spot: Spot<'a>,
    /// How a rule forwards that has no policies.
    plain: RouteAction,
    needs: Needs,
}

/// Where the share of one backend goes.
type Share<'a> = (&'a RuleBackend, Result<String, RefusalKind>);

/// A rule that cannot be written.
struct Closed;

/// The routes of one match, as fields of what holds those of a virtual host ([`list`]).
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// Those that stand in the order of precedence.
    pub(super) routes: Bytes,
    /// Those that answer preflights which ask about the method of the match.
    pub(super) preflights: Bytes,
}

/// A route, and what policies put before it.
struct Block {
    preflights: Vec<Route>,
    before: Vec<Route>,
    route: Route,
}

impl Surroundings for Writer<'_> {
    fn cluster(&mut self, backend: &BackendKey, call: Call) -> String {
        let speech = match call {
            Call::AsTheRule => None,
            Call::Http1 => Some(Speech::Http1),
            Call::Http2 => Some(Speech::Http2),
        };
        let cluster = self.use_backend(backend, speech);
        cluster.unwrap_or_else(names::nowhere)
    }

    fn http_filter(&mut self, filter: HttpFilter) {
        self.needs.filters.insert(filter.name.clone(), filter);
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(settings: &'a Settings, ir: &'a Ir, rule: &'a Rule, spot: Spot<'a>) -> Self {
        Self {
            settings,
            ir,
            rule,
            name: names::rule(&rule.key),
            spot,
            plain: plain(may_carry_calls(ir, rule)),
            needs: Needs::default(),
        }
    }

    /// What was used.
    pub(super) fn finish(self) -> Needs {
        self.needs
    }

    /// The routes of one match.
    pub(super) fn routes(&mut self, index: u32, matched: &Match) -> Written {
        let lacks = matched.lacks_on_envoy().is_some();
        if lacks && !self.rule.is_protected() {
            // It cannot be asked; the route's status says so.
            return Written::default();
        }
        // Nor may its requests go to another rule past a policy that protects something: what may be
        // one of them is answered.
        let wider = lacks.then(|| matched.without_what_envoy_lacks());
        let matched = wider.as_ref().unwrap_or(matched);
        let bare = Route {
            name: names::route(&self.name, index),
            r#match: Some(matches::route_match(matched)),
            ..Route::default()
        };
        let place = Place::of(&matched.path);
        let prefix = match &place {
            Place::Prefix(prefix) => Some(&**prefix),
            Place::Exact(_) | Place::Asked => None,
        };
        let blocks = if lacks {
            Err(Closed)
        } else {
            self.written(&bare, prefix)
        };
        let blocks = blocks.unwrap_or_else(|Closed| {
            let mut route = bare;
            self.close(&mut route);
            vec![route.into()]
        });
        // A preflight gets this match as any request, unless it asks for another method.
        let as_any = matched
            .method
            .as_deref()
            .is_none_or(|method| method == "OPTIONS");
        let (mut routes, mut preflights) = (Vec::new(), Vec::new());
        for mut block in blocks {
            let of_policies = block.preflights.iter_mut().chain(&mut block.before);
            for route in of_policies.filter(|route| route.name.is_empty()) {
                route.name.clone_from(&block.route.name);
            }
            let to = if as_any { &mut routes } else { &mut preflights };
            self.put(block.preflights, to);
            self.put(block.before, &mut routes);
            self.put([block.route], &mut routes);
        }
        if self.rule.policies.cors.is_none() {
            // Only a rule's policy answers preflights about another method than their own.
            preflights.clear();
        }
        Written {
            routes: routes.into(),
            preflights: preflights.into(),
        }
    }

    fn written(&mut self, bare: &Route, prefix: Option<&str>) -> Result<Vec<Block>, Closed> {
        let rule = self.rule;
        let shares = match &rule.action {
            Does::Refuse(refusal) => return self.refused(bare, prefix, refusal.kind),
            Does::Forward(backends) => self.shares(backends),
        };
        if let Some(why) = all_refused(&shares) {
            return self.refused(bare, prefix, why);
        }
        let own_policies = shares
            .iter()
            .any(|(backend, _)| !backend.policies.is_empty());
        if own_policies {
            let (weights, wants_own) = self.weights(&shares, prefix)?;
            if wants_own {
                return self.one_by_one(bare, prefix, &shares);
            }
            let clusters = ClusterSpecifier::WeightedClusters(weighted(weights));
            return Ok(vec![self.forwarding(bare, prefix, clusters)?]);
        }
        let clusters = match shares.as_slice() {
            [(_, Ok(cluster))] => ClusterSpecifier::Cluster(cluster.clone()),
            _ => ClusterSpecifier::WeightedClusters(weighted(shares.iter().map(weight).collect())),
        };
        Ok(vec![self.forwarding(bare, prefix, clusters)?])
    }

    /// Writes routes as fields, without what the virtual host says for all of them.
    fn put(&self, routes: impl IntoIterator<Item = Route>, fields: &mut Vec<u8>) {
        for mut route in routes {
            if let Some(Action::Route(forward)) = &mut route.action
                && forward.retry_policy == self.plain.retry_policy
            {
                forward.retry_policy = None;
            }
            let number = list::number(self.settings.routes);
            encode::field(number, &encode::route(route), fields);
        }
    }

    /// The cluster of a backend, and that it is used; or why nothing may be sent there.
    fn use_backend(
        &mut self,
        backend: &BackendKey,
        speech: Option<Speech>,
    ) -> Result<String, RefusalKind> {
        self.needs.backends.insert(backend.clone());
        let Facts { protocol, broken } = Facts::of(self.ir, backend);
        if let Some(why) = broken {
            return Err(why);
        }
        let speech = speech.unwrap_or(speech_of(protocol, self.rule.kind));
        self.needs.clusters.insert((backend.clone(), speech));
        Ok(names::cluster(backend, speech))
    }

    /// Where the shares go that are more than nothing.
    fn shares<'b>(&mut self, backends: &'b [RuleBackend]) -> Vec<Share<'b>> {
        let some = backends.iter().filter(|backend| backend.weight > 0);
        some.map(|backend| {
            let cluster = match &backend.target {
                Target::Backend(key) => self.use_backend(key, None),
                Target::Broken(refusal) => Err(refusal.kind),
            };
            (backend, cluster)
        })
        .collect()
    }

    /// The route of a rule that is answered here, unless a policy answers before.
    fn refused(
        &mut self,
        bare: &Route,
        prefix: Option<&str>,
        why: RefusalKind,
    ) -> Result<Vec<Block>, Closed> {
        let reason = answers::reason(why);
        let answer = answers::action(reason);
        let route = Route {
            action: Some(answer.clone()),
            ..bare.clone()
        };
        let mut block = self.map_rule(route, prefix)?;
        for route in block.before.iter_mut().chain([&mut block.route]) {
            if route.action.as_ref() == Some(&answer) {
                // First, so that the policies of the rule go over them.
                let fields = answers::fields(self.settings, reason);
                route.response_headers_to_add.splice(0..0, fields);
            }
        }
        Ok(vec![block])
    }

    /// The route of a rule that forwards, and those before it.
    fn forwarding(
        &mut self,
        bare: &Route,
        prefix: Option<&str>,
        clusters: ClusterSpecifier,
    ) -> Result<Block, Closed> {
        let route = Route {
            action: Some(Action::Route(RouteAction {
                cluster_specifier: Some(clusters),
                cluster_not_found_response_code: ClusterNotFoundResponseCode::InternalServerError
                    .into(),
                ..self.plain.clone()
            })),
            ..bare.clone()
        };
        self.map_rule(route, prefix)
    }

    /// The shares with their policies, and whether that is not enough for one of them.
    fn weights(
        &mut self,
        shares: &[Share<'_>],
        prefix: Option<&str>,
    ) -> Result<(Vec<ClusterWeight>, bool), Closed> {
        let mut weights = Vec::new();
        let mut wants_own = false;
        for share in shares {
            let mut weight = weight(share);
            if share.1.is_ok() {
                let into = Into::Backend(&mut weight);
                match self.map(&share.0.policies, into, prefix) {
                    Ok(outcome) => wants_own |= outcome.wants_own,
                    Err(Closed) => weight.name = names::nowhere(RefusalKind::InvalidRule),
                }
            }
            weights.push(weight);
        }
        Ok((weights, wants_own))
    }

    /// A route for each backend.
    fn one_by_one(
        &mut self,
        bare: &Route,
        prefix: Option<&str>,
        shares: &[Share<'_>],
    ) -> Result<Vec<Block>, Closed> {
        let total: u64 = shares.iter().map(|(one, _)| u64::from(one.weight)).sum();
        let mut so_far = 0;
        let mut blocks = Vec::new();
        for share in shares {
            so_far += u64::from(share.0.weight);
            let mut own = bare.clone();
            if let (Some(condition), true) = (&mut own.r#match, so_far < total) {
                condition.runtime_fraction = Some(part(so_far, total));
            }
            let mut weight = weight(share);
            weight.weight = Some(UInt32Value { value: 1 });
            let clusters = ClusterSpecifier::WeightedClusters(weighted(vec![weight]));
            let mut block = self.forwarding(&own, prefix, clusters)?;
            if share.1.is_ok() {
                block = match self.own(block, &share.0.policies, prefix) {
                    Ok(block) => block,
                    Err(Closed) => {
                        self.close(&mut own);
                        own.into()
                    }
                };
            }
            blocks.push(block);
        }
        Ok(blocks)
    }

    /// Lets the policies of a backend write to a route of its own, and to those that the rule's policies
    /// put before it: their requests go to the same backend.
    fn own(
        &mut self,
        mut block: Block,
        policies: &traffic::Set,
        prefix: Option<&str>,
    ) -> Result<Block, Closed> {
        let mut before = Vec::new();
        for mut copy in std::mem::take(&mut block.before) {
            let outcome = self.map(policies, Into::Own(&mut copy), prefix)?;
            before.extend(outcome.before);
            before.push(copy);
        }
        // What a backend's policy answers, the filters of the rule have seen before.
        let of_rule = block.route.typed_per_filter_config.clone();
        let outcome = self.map(policies, Into::Own(&mut block.route), prefix)?;
        before.extend(outcome.before);
        for mut preflight in outcome.preflights {
            preflight.typed_per_filter_config.extend(of_rule.clone());
            block.preflights.push(preflight);
        }
        Ok(Block { before, ..block })
    }

    /// Answers instead of what a policy could not write.
    fn close(&self, route: &mut Route) {
        let reason = Reason::InvalidRule;
        route.action = Some(answers::action(reason));
        route.response_headers_to_add = answers::fields(self.settings, reason);
    }

    /// Lets the rule's policies write to a route.
    fn map_rule(&mut self, mut route: Route, prefix: Option<&str>) -> Result<Block, Closed> {
        let rule = self.rule;
        let outcome = self.map(&rule.policies, Into::Route(&mut route), prefix)?;
        Ok(Block {
            preflights: outcome.preflights,
            before: outcome.before,
            route,
        })
    }

    /// Lets policies write.
    fn map(
        &mut self,
        policies: &traffic::Set,
        into: Into<'_>,
        prefix: Option<&str>,
    ) -> Result<Outcome, Closed> {
        let Some(first) = traffic::ALL.first().filter(|_| !policies.is_empty()) else {
            return Ok(Outcome::default());
        };
        let name = self.name.clone();
        let site = Site {
            prefix,
            host: self.spot.host(),
            port: self.spot.port,
            https: self.spot.https,
            rule: &name,
        };
        let of_share = !matches!(into, Into::Route(_));
        let mut sink = Sink::new(into, site, self, *first);
        policies.map(&mut sink);
        let outcome = sink.finish();
        if outcome.refusals.is_empty() {
            return Ok(outcome);
        }
        let refusals = outcome.refusals.into_iter();
        let named = refusals.map(|(meta, words)| Refusal {
            policy: meta.name,
            words,
            of_share,
        });
        self.needs.refusals.extend(named);
        Err(Closed)
    }
}

impl From<Route> for Block {
    fn from(route: Route) -> Self {
        Self {
            preflights: Vec::new(),
            before: Vec::new(),
            route,
        }
    }
}

/// How a backend is spoken to for a route of this kind.
fn speech_of(protocol: BackendProtocol, kind: RouteKind) -> Speech {
    match (protocol, kind) {
        (BackendProtocol::Http1, _) | (BackendProtocol::Auto, RouteKind::Http) => Speech::Http1,
        (BackendProtocol::Http2, _) | (BackendProtocol::Auto, RouteKind::Grpc) => Speech::Http2,
    }
}

/// Whether requests of a rule may be gRPC calls, which only HTTP/2 carries.
fn may_carry_calls(ir: &Ir, rule: &Rule) -> bool {
    let Does::Forward(backends) = &rule.action else {
        return false;
    };
    let mut some = backends.iter().filter(|backend| backend.weight > 0);
    some.any(|backend| match &backend.target {
        Target::Backend(key) => speech_of(Facts::of(ir, key).protocol, rule.kind) == Speech::Http2,
        Target::Broken(_) => false,
    })
}

/// Why all requests are answered here, if they are.
fn all_refused(shares: &[Share<'_>]) -> Option<RefusalKind> {
    if shares.iter().any(|(_, cluster)| cluster.is_ok()) {
        return None;
    }
    let first = shares
        .iter()
        .find_map(|(_, cluster)| cluster.as_ref().err());
    Some(first.copied().unwrap_or(RefusalKind::NoBackends))
}

fn weight((backend, cluster): &Share<'_>) -> ClusterWeight {
    ClusterWeight {
        name: cluster.clone().unwrap_or_else(names::nowhere),
        weight: Some(UInt32Value {
            value: backend.weight,
        }),
        ..ClusterWeight::default()
    }
}

fn weighted(clusters: Vec<ClusterWeight>) -> WeightedCluster {
    WeightedCluster {
        clusters,
        ..WeightedCluster::default()
    }
}

/// A part of the requests.
fn part(of: u64, total: u64) -> RuntimeFractionalPercent {
    // Below a million, since it is less than the total.
    let numerator = (of * MILLION / total) as u32;
    RuntimeFractionalPercent {
        default_value: Some(FractionalPercent {
            numerator,
            denominator: DenominatorType::Million.into(),
        }),
        ..RuntimeFractionalPercent::default()
    }
}
