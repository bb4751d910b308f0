//! The folder that becomes a container's `/`, and what is mounted into it.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use k8s_openapi::api::core::v1::{Container, Pod, PodSecurityContext, SecurityContext};

use super::{
    place::{Place, replace},
    volumes,
};
use crate::node::{
    enter::{Bind, Entry},
    hosts::pod_lines,
    images::Program,
};

/// Shown read-only inside every container, with whatever is mounted below.
const SYSTEM: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Shown to programs that need the loader and libraries of this machine.
const LIBRARIES: [&str; 9] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/ssl",
];
/// The user of an image that promises not to run as root and names none.
const NOBODY: u32 = 65_532;

/// Makes a fresh root for a container and says how to enter it. `env` stays empty, `command` too.
///
/// # Errors
/// The file system fails.
pub(super) fn make(
    place: &Place,
    pod: &Pod,
    container: &Container,
    program: &Program,
) -> io::Result<Entry> {
    let root = root(place, &container.name);
    // What the last start mounted here was private to processes that are gone.
    fs::remove_dir_all(&root).or_else(|why| {
        if why.kind() == io::ErrorKind::NotFound {
            Ok(())
        } else {
            Err(why)
        }
    })?;
    for folder in ["etc", "tmp", "var/run", "run", "var/tmp"] {
        fs::create_dir_all(root.join(folder))?;
    }
    for folder in ["tmp", "var/tmp", "run", "var/run"] {
        fs::set_permissions(root.join(folder), fs::Permissions::from_mode(0o1777))?;
    }
    texts(place, pod, &root)?;
    let mut binds = Vec::new();
    for path in SYSTEM {
        show(&root, path, path != "/dev" && path != "/proc", &mut binds)?;
    }
    for path in LIBRARIES.into_iter().filter(|_| program.dynamic) {
        show(&root, path, true, &mut binds)?;
    }
    // Names in it are the pod's own, as its network is.
    let shared = place.folder.join("shm");
    fs::create_dir_all(&shared)?;
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777))?;
    if Path::new("/dev/shm").is_dir() {
        binds.push(Bind {
            from: shared,
            to: "/dev/shm".into(),
            read_only: false,
        });
    }
    let inside = PathBuf::from("/").join(&program.name);
    fs::write(root.join(&program.name), "")?;
    binds.push(Bind {
        from: program.path.clone(),
        to: inside,
        read_only: true,
    });
    mount_volumes(place, pod, container, &root, &mut binds)?;
    let spec = pod.spec.as_ref();
    let of_pod = spec
        .and_then(|spec| spec.security_context.clone())
        .unwrap_or_default();
    let own = container.security_context.clone().unwrap_or_default();
    let (user, group) = user(&of_pod, &own);
    Ok(Entry {
        netns: place.link.as_ref().map(crate::node::network::Link::path),
        root,
        read_only_root: own.read_only_root_filesystem == Some(true),
        binds,
        hostname: place.hostname.clone(),
        sysctls: of_pod
            .sysctls
            .into_iter()
            .flatten()
            .map(|sysctl| (sysctl.name, sysctl.value))
            .collect(),
        user,
        group,
        no_new_privileges: own.allow_privilege_escalation == Some(false),
        folder: container.working_dir.as_deref().unwrap_or("/").into(),
        command: Vec::new(),
        env: std::collections::BTreeMap::new(),
    })
}

/// Writes the hosts file of a container that has a root already.
pub(super) fn write_hosts(place: &Place, pod: &Pod, container: &str) -> io::Result<()> {
    let etc = root(place, container).join("etc");
    if etc.exists() {
        replace(&etc.join("hosts"), &hosts(place, pod))
    } else {
        Ok(())
    }
}

fn root(place: &Place, container: &str) -> PathBuf {
    place.folder.join("containers").join(container).join("root")
}

fn texts(place: &Place, pod: &Pod, root: &Path) -> io::Result<()> {
    let namespace = &place.namespace;
    let etc = root.join("etc");
    fs::write(etc.join("hosts"), hosts(place, pod))?;
    fs::write(etc.join("hostname"), format!("{}\n", place.hostname))?;
    // Nothing answers at this address; a refusal comes at once.
    let search = format!("{namespace}.svc.cluster.local svc.cluster.local cluster.local");
    let resolver =
        format!("search {search}\nnameserver 10.96.0.10\noptions ndots:5 timeout:1 attempts:1\n");
    fs::write(etc.join("resolv.conf"), resolver)?;
    fs::write(etc.join("nsswitch.conf"), "hosts: files dns\n")?;
    let nobody = format!("nonroot:x:{NOBODY}:{NOBODY}::/:/sbin/nologin\n");
    fs::write(
        etc.join("passwd"),
        format!("root:x:0:0::/:/bin/sh\n{nobody}"),
    )?;
    fs::write(
        etc.join("group"),
        format!("root:x:0:\nnonroot:x:{NOBODY}:\n"),
    )
}

fn hosts(place: &Place, pod: &Pod) -> String {
    let aliases: Vec<(String, Vec<String>)> = pod
        .spec
        .iter()
        .flat_map(|spec| spec.host_aliases.iter().flatten())
        .map(|alias| {
            (
                alias.ip.clone(),
                alias.hostnames.clone().unwrap_or_default(),
            )
        })
        .collect();
    let mut text = pod_lines(&place.hostname, place.address, &aliases);
    text.push_str(&place.node.hosts.services(&place.namespace));
    text
}

/// Shows a path of this machine at the same path: a link as a link, a file or folder by a mount.
fn show(root: &Path, path: &str, read_only: bool, binds: &mut Vec<Bind>) -> io::Result<()> {
    let inside = root.join(path.trim_start_matches('/'));
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if meta.is_symlink() {
        return symlink(fs::read_link(path)?, inside);
    }
    if meta.is_dir() {
        fs::create_dir_all(&inside)?;
    } else {
        fs::write(&inside, "")?;
    }
    binds.push(Bind {
        from: path.into(),
        to: path.into(),
        read_only,
    });
    Ok(())
}

fn mount_volumes(
    place: &Place,
    pod: &Pod,
    container: &Container,
    root: &Path,
    binds: &mut Vec<Bind>,
) -> io::Result<()> {
    let volumes: Vec<_> = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten())
        .collect();
    let mut mounts: Vec<_> = container.volume_mounts.iter().flatten().collect();
    mounts.sort_by(|a, b| a.mount_path.cmp(&b.mount_path));
    for mount in mounts {
        let Some(volume) = volumes.iter().find(|volume| volume.name == mount.name) else {
            continue;
        };
        let mut from = volumes::source(place, volume);
        if let Some(part) = mount.sub_path.as_deref().filter(|part| !part.is_empty()) {
            from = from.join(part);
            if !from.exists() {
                fs::create_dir_all(&from)?;
            }
        }
        let to = PathBuf::from(&mount.mount_path);
        let target = target(root, &to, binds);
        if from.is_dir() {
            fs::create_dir_all(&target)?;
        } else {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            if !target.exists() {
                fs::write(&target, "")?;
            }
        }
        let read_only = mount.read_only == Some(true);
        binds.push(Bind {
            from,
            to,
            read_only,
        });
    }
    Ok(())
}

/// Where on this machine the mount point has to be made: in the root, or in what is mounted over that part of it.
fn target(root: &Path, to: &Path, binds: &[Bind]) -> PathBuf {
    let below = binds.iter().rev().find_map(|bind| {
        to.strip_prefix(&bind.to)
            .ok()
            .map(|rest| bind.from.join(rest))
    });
    below.unwrap_or_else(|| root.join(to.strip_prefix("/").unwrap_or(to)))
}

fn user(of_pod: &PodSecurityContext, own: &SecurityContext) -> (Option<u32>, Option<u32>) {
    let small = |id: Option<i64>| id.and_then(|id| u32::try_from(id).ok());
    let promised = own.run_as_non_root.or(of_pod.run_as_non_root) == Some(true);
    let user = small(own.run_as_user.or(of_pod.run_as_user)).or(promised.then_some(NOBODY));
    let group =
        small(own.run_as_group.or(of_pod.run_as_group)).or(user.filter(|user| *user == NOBODY));
    (user, group)
}

/// The words of a command with the image's own program put in, whatever folder it has in the image.
pub(super) fn command_line(program: &Program, words: &[String]) -> Vec<String> {
    let own = format!("/{}", program.name);
    match words.split_first() {
        Some((first, rest)) if first.rsplit('/').next() == Some(&program.name) => {
            std::iter::once(own).chain(rest.iter().cloned()).collect()
        }
        Some(_) => words.to_vec(),
        None => vec![own],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        Program {
            path: "/x".into(),
            name: "ferrogate".to_owned(),
            version: String::new(),
            dynamic: true,
        }
    }

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_program_of_the_image_is_found_wherever_the_command_says_it_is() {
        let line = |all: &[&str]| command_line(&program(), &words(all));
        assert_eq!(
            line(&["/usr/local/bin/ferrogate", "proxy"]),
            words(&["/ferrogate", "proxy"])
        );
        assert_eq!(line(&["ferrogate"]), words(&["/ferrogate"]));
        assert_eq!(
            line(&["/bin/sh", "-c", "true"]),
            words(&["/bin/sh", "-c", "true"])
        );
        assert_eq!(line(&[]), words(&["/ferrogate"]));
    }

    #[test]
    fn a_mount_point_inside_a_volume_is_made_in_that_volume() {
        let binds = [Bind {
            from: "/vol/a".into(),
            to: "/data".into(),
            read_only: false,
        }];
        let at = |path: &str| target(Path::new("/pod"), Path::new(path), &binds);
        assert_eq!(at("/data/inner"), Path::new("/vol/a/inner"));
        assert_eq!(at("/other"), Path::new("/pod/other"));
    }

    #[test]
    fn a_container_that_must_not_be_root_is_not() {
        let pod = PodSecurityContext {
            run_as_non_root: Some(true),
            ..Default::default()
        };
        assert_eq!(
            user(&pod, &SecurityContext::default()),
            (Some(NOBODY), Some(NOBODY))
        );
        let own = SecurityContext {
            run_as_user: Some(1000),
            ..Default::default()
        };
        assert_eq!(user(&pod, &own), (Some(1000), None));
        assert_eq!(
            user(&PodSecurityContext::default(), &SecurityContext::default()),
            (None, None)
        );
    }
}
