//! What is built, from which modules, with which flags.

/// The version of etcd.
const ETCD: &str = "3.7.0";
/// The version of Kubernetes, without a `v`.
pub const KUBERNETES: &str = "1.37.1";
/// The version of the Gateway API, of its CRDs and its conformance suite, without a `v`.
pub const GATEWAY_API: &str = "1.7.0";

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

/// All modules, in the order in which they are built.
pub(super) const MODULES: [Module; 3] = [
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

/// The module whose `config/crd/experimental` holds the CRDs, and the module of ours that requires it.
pub(super) const CRDS: (&str, &str) = ("conformance", "sigs.k8s.io/gateway-api");

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

/// The name of the folder of what this recipe builds on this processor: versions for people, then a hash of all.
pub(super) fn key() -> String {
    let mut hash = Hash::new();
    hash.add(std::env::consts::ARCH);
    for module in &MODULES {
        for (name, content) in module.files {
            hash.add(name);
            hash.add(content);
        }
        for program in module.programs {
            hash.add(program.name);
            program.arguments("").iter().for_each(|word| hash.add(word));
        }
    }
    format!(
        "kubernetes-{KUBERNETES}-etcd-{ETCD}-gateway-api-{GATEWAY_API}-{:016x}",
        hash.0
    )
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

    #[test]
    fn versions_are_those_of_the_module_lists() {
        for (module, wanted) in [
            ("etcd", format!("go.etcd.io/etcd/server/v3 v{ETCD}\n")),
            ("kubernetes", format!("k8s.io/kubernetes v{KUBERNETES}\n")),
            (
                "conformance",
                format!("sigs.k8s.io/gateway-api/conformance v{GATEWAY_API}\n"),
            ),
        ] {
            let module = MODULES.iter().find(|entry| entry.name == module).unwrap();
            assert!(module.files[0].1.contains(&wanted), "{wanted}");
        }
    }

    #[test]
    fn each_module_says_its_go_version() {
        for module in &MODULES {
            assert!(module.go().starts_with("1."), "{}", module.name);
        }
    }
}
