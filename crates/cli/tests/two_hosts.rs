//! Two hosts, made of one: network namespaces with a link between them and names of their own. What they train together, and how both end when
//! the link goes down. Without the right to make namespaces nothing is tested, which is said.
#![cfg(all(feature = "mpi", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod launch;
mod tiny;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use launch::{MOST, as_rank, assert_near, assert_same, column, course, finish, said, train, until};
use tempfile::TempDir;

const HOSTS: [(&str, &str); 2] = [("ffc-a", "10.99.0.1"), ("ffc-b", "10.99.0.2")];

/// Whether a command works.
fn works(command: &str) -> bool {
    let mut words = command.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

struct TwoHosts {
    folder: TempDir,
}

impl TwoHosts {
    /// None where they cannot be made.
    fn new() -> Option<Self> {
        let hosts = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let [(a, at_a), (b, at_b)] = HOSTS;
        // What a test left behind that was killed.
        for (host, _) in HOSTS {
            works(&format!("ip netns delete {host}"));
        }
        let commands = [
            format!("ip netns add {a}"),
            format!("ip netns add {b}"),
            format!("ip link add ffc-link netns {a} type veth peer name ffc-link netns {b}"),
            format!("ip -n {a} addr add {at_a}/24 dev ffc-link"),
            format!("ip -n {b} addr add {at_b}/24 dev ffc-link"),
            format!("ip -n {a} link set lo up"),
            format!("ip -n {b} link set lo up"),
        ];
        if !commands.iter().all(|command| works(command)) {
            return None;
        }
        hosts.link("up");
        let on_host = "#!/bin/sh\n# A command on the host of an address or a name.\ncase $1 in\n*1 | ffc-a) host=ffc-a ;;\n*) host=ffc-b ;;\nesac\nshift\n\
                       exec ip netns exec $host unshare --uts sh -c 'hostname \"$0\"; eval \"exec $*\"' $host \"$@\"\n";
        fs::write(hosts.agent(), on_host).unwrap();
        fs::set_permissions(hosts.agent(), fs::Permissions::from_mode(0o755)).unwrap();
        let lines = HOSTS.map(|(_, address)| format!("{address} slots=1\n"));
        fs::write(hosts.folder.path().join("hosts"), lines.concat()).unwrap();
        Some(hosts)
    }

    fn agent(&self) -> PathBuf {
        self.folder.path().join("on-host")
    }

    /// Brings the link up or down.
    fn link(&self, state: &str) {
        for (host, _) in HOSTS {
            works(&format!("ip -n {host} link set ffc-link {state}"));
        }
    }

    /// A training by a process on each.
    fn train(&self, arguments: &[&str]) -> Command {
        let file = self.folder.path().join("hosts");
        let mut command = Command::new(self.agent());
        command
            .args([HOSTS[0].0, "mpirun", "-n", "2", "--bind-to", "none"])
            .args(["--hostfile", file.to_str().unwrap()])
            .args(["--mca", "plm_rsh_agent", self.agent().to_str().unwrap()])
            .args(["--mca", "btl_tcp_if_include", "ffc-link"])
            .args(["--mca", "oob_tcp_if_include", "ffc-link"])
            // As docs/machines.md says.
            .args(["--mca", "oob_tcp_keepalive_time", "10"])
            .args(["--mca", "oob_tcp_keepalive_intvl", "5"])
            .args(["--mca", "oob_tcp_keepalive_probes", "3"])
            .args(["-x", "RAYON_NUM_THREADS"])
            .args([
                env!("CARGO_BIN_EXE_ffc"),
                "--quiet",
                "train",
                "--rank-timeout",
                "30",
            ])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        as_rank(&mut command);
        command
    }
}

impl Drop for TwoHosts {
    fn drop(&mut self) {
        for (host, _) in HOSTS {
            works(&format!("ip netns delete {host}"));
        }
    }
}

/// Processes of the command that train in a folder.
fn are_left(folder: &str) -> bool {
    let pattern = format!("ffc.*train.*{folder}");
    let found = Command::new("pgrep")
        .args(["-f", &pattern])
        .output()
        .unwrap();
    !found.stdout.is_empty()
}

#[test]
fn two_hosts_and_the_link_between_them() {
    let Some(hosts) = TwoHosts::new() else {
        eprintln!("NOT TESTED: two hosts in network namespaces, which cannot be made here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = course(&folder);
    let config = config.to_str().unwrap();
    let of = |name: &str| folder.path().join(name);
    let (one, whole, run) = (of("one"), of("whole"), of("run"));
    finish(train(1, &[config, "--out", one.to_str().unwrap()]));
    finish(hosts.train(&[config, "--out", whole.to_str().unwrap()]));
    assert_near(&whole, &one);

    let path = run.to_str().unwrap();
    let launcher = hosts.train(&[config, "--out", path]).spawn().unwrap();
    until(|| {
        run.join("metrics.csv").exists() && column(&run.join("metrics.csv"), "step").len() > 7
    });
    hosts.link("down");
    let begin = Instant::now();
    let output = launcher.wait_with_output().unwrap();
    assert!(!output.status.success(), "{}", said(&output));
    until(|| !are_left(path));
    let took = begin.elapsed();
    assert!(took < MOST, "{took:?}: {}", said(&output));
    println!(
        "without its link it ended after {:.0} s: {}",
        took.as_secs_f64(),
        output.status
    );

    hosts.link("up");
    finish(hosts.train(&["--resume", path]));
    assert_same(&run, &whole);
}
