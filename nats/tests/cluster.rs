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
    // Three test servers for their ports and folders; each is then configured anew.
    let mut servers = Vec::new();
    for _ in 0..3 {
        let mut server = TestServer::start().await.expect("a server");
        server.stop().await.expect("stopped");
        servers.push(server);
    }
    // The ports between clients and routes: each route port is its client port less the width of the tests' range.
    let route = |server: &TestServer| {
        let listen = server.conf().listen;
        SocketAddr::new(listen.ip(), listen.port() - 11_000)
    };
    let routes: Vec<String> = servers
        .iter()
        .map(|server| route(server).to_string())
        .collect();
    let mut starting = Vec::new();
    for (n, server) in servers.iter().enumerate() {
        let shared = servers[0].conf();
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
        starting.push((options.clone(), ServerProcess::start(options)));
    }
    let mut nodes = Vec::new();
    for (options, start) in starting {
        nodes.push(Node {
            options,
            process: start.await.expect("started"),
        });
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
    let leader = leader(&bus).await;
    let killed = nodes.remove(usize::from(leader));
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

/// The number of the server that leads `JOBS`.
async fn leader(bus: &Bus) -> u8 {
    let stream = bus.js.get_stream("JOBS").await.expect("there");
    let cluster = stream.cached_info().cluster.clone().expect("a cluster");
    let name = cluster.leader.expect("a leader");
    name.trim_start_matches('n').parse().expect("n0 to n2")
}
