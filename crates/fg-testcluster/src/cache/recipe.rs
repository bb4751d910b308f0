//! What is built, from which modules, with which flags.

/// The version of etcd.
const ETCD: &str = "3.7.0";
/// The version of Kubernetes, without a `v`.
pub const KUBERNETES: &str = "1.37.1";
/// The version of the Gateway API, of its CRDs and its conformance suite, without a `v`.
pub const GATEWAY_API: &str = "1.7.0";
/// The version of Envoy Gateway, without a `v`.
pub const ENVOY_GATEWAY: &str = "1.9.1";

/// A Go module whose dependencies are the recipe.
#[derive(Debug)]
pub(super) struct Module {
    /// Its folder's name.
    pub(super) name: &'static str,
    /// Its files: name and content.
    pub(super) files: [(&'static str, &'static str); 3],
    /// What it builds, in this order.
    pub(super) programs: &'static [Program],
}

/// A program of a module.
#[derive(Debug)]
pub(super) struct Program {
    /// The file's name.
    pub(super) name: &'static str,
    /// The package of its `main`, or of the tests.
    pub(super) package: &'static str,
    /// Whether it is a package's tests.
    pub(super) test: bool,
    /// The Kubernetes version is written into it; without one it would take itself for an unknown version.
    pub(super) stamped: bool,
}

impl Program {
    const fn new(name: &'static str, package: &'static str) -> Self {
        Self {
            name,
            package,
            test: false,
            stamped: false,
        }
    }
}

macro_rules! files {
    ($module:literal) => {
        [
            (
                "go.mod",
                include_str!(concat!("../../modules/", $module, "/go.mod")),
            ),
            (
                "go.sum",
                include_str!(concat!("../../modules/", $module, "/go.sum")),
            ),
            (
                "tools.go",
                include_str!(concat!("../../modules/", $module, "/tools.go")),
            ),
        ]
    };
}

/// What is built together and kept in one folder.
#[derive(Debug)]
pub(super) struct Recipe {
    /// What it builds, for messages.
    pub(super) name: &'static str,
    /// What its folder's name begins with: versions, for people.
    title: &'static [(&'static str, &'static str)],
    /// All modules, in the order in which they are built.
    pub(super) modules: &'static [Module],
    /// The CRDs that are kept beside the programs.
    pub(super) crds: Crds,
}

/// CRDs that lie in a Go module.
#[derive(Debug)]
pub(super) struct Crds {
    /// The module of ours that requires theirs.
    pub(super) ours: &'static str,
    /// The module they lie in.
    pub(super) module: &'static str,
    /// Their folder in it.
    pub(super) folder: &'static str,
}

/// A cluster and the conformance suite.
pub(super) const CLUSTER: Recipe = Recipe {
    name: "the cluster",
    title: &[
        ("kubernetes", KUBERNETES),
        ("etcd", ETCD),
        ("gateway-api", GATEWAY_API),
    ],
    modules: &MODULES,
    crds: Crds {
        ours: "conformance",
        module: "sigs.k8s.io/gateway-api",
        folder: "config/crd/experimental",
    },
};

/// The control plane that ours is compared with.
pub(super) const PEER: Recipe = Recipe {
    name: "Envoy Gateway",
    title: &[("envoy-gateway", ENVOY_GATEWAY)],
    modules: &[Module {
        name: "envoy-gateway",
        files: files!("envoy-gateway"),
        programs: &[Program::new(
            "envoy-gateway",
            "github.com/envoyproxy/gateway/cmd/envoy-gateway",
        )],
    }],
    crds: Crds {
        ours: "envoy-gateway",
        module: "github.com/envoyproxy/gateway",
        folder: "charts/gateway-helm/charts/crds/crds/generated",
    },
};

const MODULES: [Module; 3] = [
    Module {
        name: "etcd",
        files: files!("etcd"),
        programs: &[Program::new("etcd", "go.etcd.io/etcd/server/v3")],
    },
    Module {
        name: "kubernetes",
        files: files!("kubernetes"),
        programs: &[
            Program {
                stamped: true,
                ..Program::new("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver")
            },
            Program {
                stamped: true,
                ..Program::new(
                    "kube-controller-manager",
                    "k8s.io/kubernetes/cmd/kube-controller-manager",
                )
            },
        ],
    },
    Module {
        name: "conformance",
        files: files!("conformance"),
        programs: &[
            Program::new(
                "echo-basic",
                "sigs.k8s.io/gateway-api-conformance-images/echo-basic",
            ),
            Program {
                test: true,
                ..Program::new("conformance.test", "sigs.k8s.io/gateway-api/conformance")
            },
        ],
    },
];

impl Module {
    /// The Go version that its `go.mod` demands.
    pub(super) fn go(&self) -> &'static str {
        let [(_, text), ..] = self.files;
        text.lines()
            .find_map(|line| line.strip_prefix("go "))
            .unwrap_or_default()
    }
}

impl Program {
    /// The arguments of `go` that build it into `output`.
    pub(super) fn arguments(&self, output: &str) -> Vec<String> {
        let mut flags = "-s -w".to_owned();
        if self.stamped {
            let mut numbers = KUBERNETES.split('.');
            let (major, minor) = (numbers.next(), numbers.next());
            for (name, value) in [
                ("gitVersion", format!("v{KUBERNETES}")),
                ("gitMajor", major.unwrap_or_default().to_owned()),
                ("gitMinor", minor.unwrap_or_default().to_owned()),
            ] {
                flags.push_str(&format!(" -X k8s.io/component-base/version.{name}={value}"));
            }
        }
        let verb: &[&str] = if self.test {
            &["test", "-c"]
        } else {
            &["build"]
        };
        let rest = ["-trimpath", "-ldflags", &flags, "-o", output, self.package];
        verb.iter().chain(&rest).map(|&word| word.into()).collect()
    }
}

impl Recipe {
    /// The name of the folder of what it builds on this processor: versions for people, then a hash of all.
    pub(super) fn key(&self) -> String {
        let mut hash = Hash::new();
        hash.add(std::env::consts::ARCH);
        for module in self.modules {
            for (name, content) in module.files {
                hash.add(name);
                hash.add(content);
            }
            for program in module.programs {
                hash.add(program.name);
                program.arguments("").iter().for_each(|word| hash.add(word));
            }
        }
        let mut key = String::new();
        for (name, version) in self.title {
            key.push_str(&format!("{name}-{version}-"));
        }
        key.push_str(&format!("{:016x}", hash.0));
        key
    }
}

/// FNV-1a; names a folder, keeps no secret.
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static Module> {
        MODULES.iter().chain(PEER.modules)
    }

    #[test]
    fn versions_are_those_of_the_module_lists() {
        for (module, wanted) in [
            ("etcd", format!("go.etcd.io/etcd/server/v3 v{ETCD}\n")),
            ("kubernetes", format!("k8s.io/kubernetes v{KUBERNETES}\n")),
            (
                "conformance",
                format!("sigs.k8s.io/gateway-api/conformance v{GATEWAY_API}\n"),
            ),
            (
                "envoy-gateway",
                format!("github.com/envoyproxy/gateway v{ENVOY_GATEWAY}\n"),
            ),
        ] {
            let module = all().find(|entry| entry.name == module).unwrap();
            assert!(module.files[0].1.contains(&wanted), "{wanted}");
        }
    }

    #[test]
    fn folders_of_both_recipes_are_named_after_versions() {
        let keys = [CLUSTER.key(), PEER.key()];
        assert!(keys[0].starts_with(&format!("kubernetes-{KUBERNETES}-etcd-{ETCD}-")));
        assert!(keys[1].starts_with(&format!("envoy-gateway-{ENVOY_GATEWAY}-")));
    }

    #[test]
    fn each_module_says_its_go_version() {
        for module in all() {
            assert!(module.go().starts_with("1."), "{}", module.name);
        }
    }
}
