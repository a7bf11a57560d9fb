//! Files: libraries may be read, nothing else may be opened at all.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, path_beneath_rules,
};

/// The newest set of rights that is asked for; older kernels enforce what they know of it.
const RIGHTS: ABI = ABI::V5;

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

/// Gives up all other files. What this kernel cannot enforce is returned.
pub(super) fn restrict() -> Option<String> {
    match try_restrict() {
        Ok(RulesetStatus::FullyEnforced) => None,
        Ok(RulesetStatus::PartiallyEnforced) => Some(
            "this kernel's landlock is old: some rights to files are not restricted".to_owned(),
        ),
        Ok(RulesetStatus::NotEnforced) => {
            Some("this kernel has no landlock: files are not restricted".to_owned())
        }
        Err(error) => Some(format!("files are not restricted: {error}")),
    }
}

fn try_restrict() -> Result<RulesetStatus, RulesetError> {
    let readable = READABLE.iter().map(PathBuf::from).chain(from_environment());
    let rules = path_beneath_rules(readable, AccessFs::ReadFile | AccessFs::ReadDir);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .create()?
        .add_rules(rules)?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// The plugins' folder and libraries in unusual places, as our parent named them.
fn from_environment() -> impl Iterator<Item = PathBuf> {
    let names = ["GST_PLUGIN_SYSTEM_PATH_1_0", "LD_LIBRARY_PATH"];
    let values = names.into_iter().filter_map(std::env::var_os);
    values.flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>())
}
