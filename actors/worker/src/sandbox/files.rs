//! Files: libraries may be read, nothing else may be opened at all.
//!
//! Landlock says which. Its newer versions also say what the filter of system calls says
//! already, so that one defect of either is not enough.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use crate::devices::{Family, PATH_VARIABLES};

/// The newest set of rights that is asked for (Linux 6.12); older kernels enforce what they know
/// of it. The seventh is about logs alone.
pub(super) const RIGHTS: u32 = 6;

/// What may be read: libraries that are loaded late, their index, and what tells the number of
/// cores.
const READABLE: &[&str] = &[
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
];

/// What came with each version of landlock after the first. Without it, the filter of system calls
/// alone refuses these.
const GROWTH: &[(u32, &str)] = &[
    (2, "moving files"),
    (3, "truncating files"),
    (4, "the network"),
    (5, "commands to devices"),
    (6, "signals to others and sockets with abstract names"),
];

/// Gives up all other files, for this thread and those that it starts, but for devices of these families. Tells the
/// version of landlock that is in force, at most `abi_max`; 0: none, and why.
pub(super) fn restrict(families: &[Family], abi_max: u32) -> (u32, Option<String>) {
    match try_restrict(families, abi_max.min(RIGHTS)) {
        Ok(0) => (0, Some(unrestricted("this kernel has no landlock"))),
        Ok(abi) => (abi, None),
        Err(error) => (0, Some(unrestricted(&error.to_string()))),
    }
}

fn unrestricted(reason: &str) -> String {
    format!("files can be read, though not written: {reason}")
}

/// What this version of landlock does not restrict, as one sentence.
pub(super) fn describe(abi: u32) -> String {
    let lacks: Vec<&str> = GROWTH
        .iter()
        .filter(|(since, _)| *since > abi)
        .map(|(_, what)| *what)
        .collect();
    match (abi, lacks.as_slice()) {
        (0, _) => "no landlock: the filter of system calls alone".to_owned(),
        (abi, []) => format!("landlock {abi} and the filter of system calls"),
        (abi, lacks) => format!(
            "landlock {abi} and the filter of system calls, which alone refuses {}",
            lacks.join(", ")
        ),
    }
}

/// The version that is in force.
fn try_restrict(families: &[Family], abi_max: u32) -> Result<u32, RulesetError> {
    if abi_max == 0 {
        return Ok(0);
    }
    let rights = ABI::from(i32::try_from(abi_max).unwrap_or(i32::MAX));
    let readable = READABLE
        .iter()
        .map(PathBuf::from)
        .chain(from_environment(LIBRARIES));
    let rules = path_beneath_rules(readable, AccessFs::ReadFile | AccessFs::ReadDir);
    let facts = families.iter().flat_map(|family| family.readable());
    let facts = facts.map(PathBuf::from).chain(from_environment(
        // Where there is no device, there is no driver to read them.
        if families.is_empty() {
            &[]
        } else {
            PATH_VARIABLES
        },
    ));
    let facts = path_beneath_rules(facts, AccessFs::ReadFile | AccessFs::ReadDir);
    let nodes = families.iter().flat_map(|family| family.nodes());
    let commanded = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let nodes = path_beneath_rules(nodes, commanded & AccessFs::from_all(rights));
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(rights))?;
    // Nothing may be asked for that has no rights.
    let (network, scopes) = (AccessNet::from_all(rights), Scope::from_all(rights));
    if !network.is_empty() {
        ruleset = ruleset.handle_access(network)?;
    }
    if !scopes.is_empty() {
        ruleset = ruleset.scope(scopes)?;
    }
    let ruleset = ruleset.create()?.add_rules(rules)?;
    let ruleset = ruleset.add_rules(facts)?.add_rules(nodes)?;
    let status = ruleset.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => 0,
        (_, LandlockStatus::Available { effective_abi, .. }) => abi_max.min(effective_abi as u32),
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => 0,
    })
}

/// The plugins' folder and libraries in unusual places.
const LIBRARIES: &[&str] = &["GST_PLUGIN_SYSTEM_PATH_1_0", "LD_LIBRARY_PATH"];

/// Files and folders as our parent named them in these variables.
fn from_environment(names: &[&str]) -> impl Iterator<Item = PathBuf> {
    let values: Vec<_> = names.iter().filter_map(std::env::var_os).collect();
    let values = values.into_iter();
    values.flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    use std::process::{Child, Command, Stdio};
    use std::thread;

    use super::*;

    /// What a thread can do to this process's other threads' socket, and to a process of theirs.
    fn reaches(abi_max: u32) -> (u32, [std::io::Result<()>; 2]) {
        let name = format!("tcoder-scope-{}-{abi_max}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let _listener = UnixListener::bind_addr(&address).unwrap();
        let mut other = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pid = rustix::process::Pid::from_child(&other);
        let confined = thread::spawn(move || {
            let (abi, _) = restrict(&[], abi_max);
            let connect = UnixStream::connect_addr(&address).map(drop);
            let signal = rustix::process::test_kill_process(pid);
            (abi, [connect, signal.map_err(std::io::Error::from)])
        });
        let reached = confined.join().unwrap();
        end(&mut other);
        reached
    }

    fn end(process: &mut Child) {
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// What this kernel knows, asked on a thread that is then of no other use.
    fn kernel_abi() -> u32 {
        let ask = || {
            let ruleset = Ruleset::default().handle_access(AccessFs::Execute).unwrap();
            ruleset.create().unwrap().restrict_self().unwrap().landlock
        };
        match thread::spawn(ask).join().unwrap() {
            LandlockStatus::Available { effective_abi, .. } => effective_abi as u32,
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
        }
    }

    /// Landlock alone: no filter of system calls is in place in these threads.
    #[test]
    fn the_newest_version_keeps_signals_and_abstract_sockets_inside() {
        let kernel_abi = kernel_abi();
        if kernel_abi < 6 {
            println!("SKIPPED signals_and_abstract_sockets: this kernel has landlock {kernel_abi}");
            return;
        }
        let (abi, reached) = reaches(u32::MAX);
        assert_eq!(abi, 6);
        for reached in reached {
            let error = reached.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{error}");
        }
    }

    #[test]
    fn an_older_version_is_told_with_what_it_lacks() {
        let (abi, reached) = reaches(5);
        assert_eq!(abi, kernel_abi().min(5));
        for reached in reached {
            reached.unwrap();
        }
        assert_eq!(describe(6), "landlock 6 and the filter of system calls");
        let old = describe(2);
        assert!(
            old.contains("truncating") && !old.contains("moving"),
            "{old}"
        );
        assert!(describe(0).starts_with("no landlock"));
    }
}
