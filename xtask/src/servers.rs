//! The servers that tests start: installed where they are missing and that can be done, else named.

use std::env;
use std::process::{Command, Stdio};

/// Programs that tests start: the variable that names another one, the program, and the package of Debian that has it.
const SERVERS: [(&str, &str, &str); 2] =
    [("REDIS_SERVER_BIN", "redis-server", "redis-server"), ("MEMCACHED_BIN", "memcached", "memcached")];

/// Whether all servers are there, now at least.
pub(crate) fn install() -> bool {
    let missing = SERVERS.iter().filter(|(variable, program, _)| env::var_os(variable).is_none() && !is_there(program));
    let missing: Vec<&str> = missing.map(|(_, _, package)| *package).collect();
    if missing.is_empty() {
        return true;
    }
    let wanted = missing.join(" ");
    let Some(privilege) = privilege().filter(|_| is_there("apt-get")) else {
        eprintln!("tests start real servers: install {wanted} (on Debian, `apt-get install {wanted}` as root)");
        return false;
    };
    let apt = |words: &[&str]| {
        run(&[privilege, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"], words].concat())
    };
    let install = || apt(&[&["install", "--yes"], &missing[..]].concat());
    // What is known of packages may be missing or old; it is looked up only then, since that takes a while.
    let installed = install() || (apt(&["update"]) && install());
    if !installed {
        eprintln!("tests start real servers, and `apt-get install {wanted}` failed: install them by hand");
        return false;
    }
    // Tests start servers of their own; the package's would only take its port.
    for package in missing {
        run(&[privilege, &["service", package, "stop"]].concat());
        run(&[privilege, &["update-rc.d", package, "disable"]].concat());
    }
    true
}

/// What makes a command root's: nothing for root, `sudo` where that asks for no password.
fn privilege() -> Option<&'static [&'static str]> {
    if Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0") {
        return Some(&[]);
    }
    (is_there("sudo") && run(&["sudo", "--non-interactive", "true"])).then_some(&["sudo", "--non-interactive"])
}

/// Runs a command, says so, and whether it succeeded.
fn run(words: &[&str]) -> bool {
    eprintln!("{}", words.join(" "));
    let command = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).status();
    command.is_ok_and(|status| status.success())
}

fn is_there(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}
