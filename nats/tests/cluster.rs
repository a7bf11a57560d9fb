//! Three servers hold what one holds, and losing any one of them loses nothing.

use std::net::SocketAddr;

use nats::conf::{Cluster, ServerConf};
use nats::server::{ServerOptions, ServerProcess, TestServer, write_private};
use nats::topology::{self, Replicas};
use nats::{Bus, Published, connect};

use crate::fixture::{DEADLINE, within};

/// A server of the cluster, and what it was started with.
struct Node {
    options: ServerOptions,
    process: ServerProcess,
}

#[tokio::test]
async fn the_leader_is_killed_while_facts_are_published() {
    let mut servers = Vec::new();
    for _ in 0..3 {
        let mut server = TestServer::start().await.expect("a server");
        // Wanted for its ports and its folder alone.
        server.stop().await.expect("stopped");
        servers.push(server);
    }
    let mut nodes = Vec::new();
    for (n, options) in configure(&servers).into_iter().enumerate() {
        let process = ServerProcess::start(options.clone()).await;
        let process = process.unwrap_or_else(|error| unreachable!("n{n}: {error}"));
        nodes.push(Node { options, process });
    }
    let mut credentials = servers[0].control();
    credentials.url = servers
        .iter()
        .map(TestServer::url)
        .collect::<Vec<_>>()
        .join(",");
    let bus = connect(&credentials, "cluster").await.expect("addresses");
    bus.ready(DEADLINE).await.expect("connected");
    within("a topology", topology::apply(&bus.js, Replicas::Three))
        .await
        .expect("applied");
    let drift = topology::drift(&bus.js, Replicas::Three)
        .await
        .expect("compared");
    assert!(drift.is_empty(), "{drift:?}");

    bus.publish_once("job.j1.queued.1", "f")
        .await
        .expect("published");
    let killed = nodes.remove(leader(&bus).await);
    killed.process.kill_9().await.expect("killed");
    for n in 1..=20 {
        let fact = within(
            "a fact",
            bus.publish_once(format!("job.j1.queued.{n}"), "f"),
        )
        .await;
        let fact = fact.expect("published");
        assert_eq!(fact == Published::AlreadyThere, n == 1, "{n}: {fact:?}");
    }
    let back = ServerProcess::start(killed.options)
        .await
        .expect("it comes back");
    for node in nodes {
        node.process.stop().await.expect("stopped");
    }
    back.stop().await.expect("stopped");
}

/// Writes each server's configuration as a member of one cluster with the same users.
fn configure(servers: &[TestServer]) -> Vec<ServerOptions> {
    // Each route port is its client port less the width of the tests' range.
    let route = |server: &TestServer| {
        let listen = server.conf().listen;
        SocketAddr::new(listen.ip(), listen.port() - 11_000)
    };
    let routes: Vec<String> = servers
        .iter()
        .map(|server| route(server).to_string())
        .collect();
    let shared = servers[0].conf();
    let configure = |(n, server): (usize, &TestServer)| {
        let conf = ServerConf {
            listen: server.conf().listen,
            store_dir: server.dir().join("cluster"),
            cluster: Some(Cluster {
                server_name: format!("n{n}"),
                listen: route(server),
                routes: routes.clone(),
                password: shared.sys.password.clone(),
            }),
            ..shared.clone()
        };
        let mut options = server.options().clone();
        options.conf_path = server.dir().join("cluster.conf");
        write_private(&options.conf_path, &conf.render()).expect("written");
        options
    };
    servers.iter().enumerate().map(configure).collect()
}

/// The number of the server that leads `JOBS`.
async fn leader(bus: &Bus) -> usize {
    let stream = bus.js.get_stream("JOBS").await.expect("there");
    let cluster = stream.cached_info().cluster.clone().expect("a cluster");
    let name = cluster.leader.expect("a leader");
    name.trim_start_matches('n').parse().expect("n0 to n2")
}
