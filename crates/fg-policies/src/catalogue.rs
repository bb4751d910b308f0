//! The macro behind the catalogue: from a list of policy folders to a typed set.

/// For each kind of attachment: a module with the typed `Set` of its policies, their merge and, with
/// the facets, the chain of parts for our own proxy, sorted by stage, and what Envoy is told.
///
/// Policies are modules in the root of the crate that calls this: here, and in tests one that has
/// policies of its own.
#[macro_export]
#[expect(
    clippy::crate_in_macro_def,
    reason = "the policies are those of the caller"
)]
macro_rules! catalogue {
    ($($(#[$doc:meta])* $kind:ident: { $($policy:ident),+ $(,)? }),+ $(,)?) => {
        $(
            $(#[$doc])*
            pub mod $kind {
                use std::sync::Arc;

                /// What every policy of this kind says about itself, by name.
                pub const ALL: &[$crate::Meta] = &[$(crate::$policy::META),+];

                /// The checked policies of one place. Absent means not configured there.
                ///
                /// What another version has beside these is ignored when it is decoded;
                /// [`Meta::protective`](crate::Meta::protective) says which of them may not be.
                #[derive(
                    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord,
                    serde::Serialize, serde::Deserialize,
                )]
                pub struct Set {
                    $(
                        #[doc = concat!("See [`crate::", stringify!($policy), "`].")]
                        #[serde(default, skip_serializing_if = "Option::is_none")]
                        pub $policy: Option<Arc<crate::$policy::Ir>>,
                    )+
                    /// Where each is written, by the policy's name; one that is made of several
                    /// fields has several.
                    #[serde(
                        default,
                        skip_serializing_if = "Vec::is_empty",
                        deserialize_with = "known_origins"
                    )]
                    pub origins: Vec<(&'static str, fg_model::Origin)>,
                }

                /// Reads where policies are written, without those that are not known here.
                fn known_origins<'de, D: serde::Deserializer<'de>>(
                    source: D,
                ) -> Result<Vec<(&'static str, fg_model::Origin)>, D::Error> {
                    let written = serde::Deserialize::deserialize(source)?;
                    Ok($crate::known(ALL, written))
                }

                impl Set {
                    /// Lets each policy read what is its own in a filter or a rule, and notes where
                    /// that is; `origin` is the place of the filter or rule.
                    #[must_use = "what cannot work may protect something"]
                    pub fn read(
                        &mut self,
                        written: $crate::Written<'_>,
                        origin: &fg_model::Origin,
                        scope: &mut dyn $crate::TranslateScope,
                    ) -> $crate::Read {
                        let mut all = $crate::Read::Absent;
                        $({
                            let meta = crate::$policy::META;
                            if meta.reads.looks_at(written) {
                                let read = crate::$policy::read(written, &mut self.$policy, scope);
                                if read == $crate::Read::Used && self.$policy.is_some() {
                                    self.origins.push((meta.name, meta.reads.place(origin)));
                                }
                                all = all.max(read);
                            }
                        })+
                        all
                    }

                    /// Whether nothing is configured.
                    pub fn is_empty(&self) -> bool {
                        true $(&& self.$policy.is_none())+
                    }

                    /// This set over a more general one: a policy set here wins.
                    #[must_use]
                    pub fn over(&self, general: &Self) -> Self {
                        let mut origins = self.origins.clone();
                        $(
                            if self.$policy.is_none() {
                                let name = crate::$policy::META.name;
                                let inherited = general.origins.iter();
                                origins.extend(inherited.filter(|one| one.0 == name).cloned());
                            }
                        )+
                        Self {
                            $($policy: self.$policy.clone().or_else(|| general.$policy.clone()),)+
                            origins,
                        }
                    }

                    /// The names of the policies that are configured, in the order of the catalogue.
                    pub fn names(&self) -> impl Iterator<Item = &'static str> {
                        let all = [$(self.$policy.as_ref().map(|_| crate::$policy::META.name)),+];
                        all.into_iter().flatten()
                    }

                    /// The backends that its policies send something to, beside those of the rule.
                    pub fn backends(&self) -> Vec<&fg_model::BackendKey> {
                        let mut backends = Vec::new();
                        $(
                            if let Some(ir) = &self.$policy {
                                backends.extend(ir.backends());
                            }
                        )+
                        backends
                    }

                    /// Where a policy is written.
                    pub fn origins_of(&self, name: &str) -> impl Iterator<Item = &fg_model::Origin> {
                        let all = self.origins.iter();
                        all.filter(move |one| one.0 == name).map(|one| &one.1)
                    }

                    /// What the configured policies ask of Envoy that it cannot do, by the policy's
                    /// name.
                    pub fn lacks_on_envoy(
                        &self,
                        around: $crate::Around,
                    ) -> Vec<(&'static str, &'static str)> {
                        let mut lacks = Vec::new();
                        $(
                            if let Some(ir) = &self.$policy
                                && let Some(why) = ir.lacks_on_envoy(around)
                            {
                                lacks.push((crate::$policy::META.name, why));
                            }
                        )+
                        lacks
                    }

                    /// Lets the configured policies write for Envoy: settings, then from the last stage
                    /// to the first, so that the first ones see the whole route.
                    #[cfg(feature = "envoy")]
                    pub fn map(&self, sink: &mut $crate::envoy::Sink<'_>) {
                        type Write<'a> = Box<dyn Fn(&mut $crate::envoy::Sink<'_>) + 'a>;
                        let mut writers: Vec<($crate::Meta, Write<'_>)> = Vec::new();
                        $(
                            if let Some(ir) = &self.$policy {
                                let write: Write<'_> =
                                    Box::new(move |sink| crate::$policy::envoy::map(ir, sink));
                                writers.push((crate::$policy::META, write));
                            }
                        )+
                        writers.sort_by_key(|(meta, _)| $crate::envoy::turn_of(meta));
                        for (meta, write) in writers {
                            sink.turn(meta, &*write);
                        }
                    }

                    /// The filters of all policies that are the same for all who use them.
                    #[cfg(feature = "envoy")]
                    pub fn standing() -> Vec<$crate::envoy::HttpFilter> {
                        let mut all = Vec::new();
                        $(
                            let filters = crate::$policy::envoy::standing().into_iter();
                            all.extend(filters.map(|(name, config)| $crate::envoy::HttpFilter {
                                policy: crate::$policy::META,
                                name: name.to_owned(),
                                config,
                            }));
                        )+
                        all
                    }

                    /// The parts of the configured policies in the order of their stages.
                    #[cfg(feature = "native")]
                    pub fn chain(&self) -> Vec<($crate::Meta, $crate::native::Part)> {
                        let mut parts = Vec::new();
                        $(
                            if let Some(ir) = &self.$policy {
                                parts.extend(
                                    crate::$policy::native::build(ir)
                                        .into_iter()
                                        .map(|part| (crate::$policy::META, part)),
                                );
                            }
                        )+
                        parts.sort_by_key(|(meta, _)| (meta.stage, meta.name));
                        parts
                    }
                }
            }
        )+
    };
}
