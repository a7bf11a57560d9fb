//! Nothing is posted to where it must not go.

use actors::notifier::Options;
use bus_schema::fact::Fact;

use crate::fixture::{TIME_SCALE, World, completed, until};
use crate::receiver::{Answer, Receiver, ok};

#[tokio::test]
async fn inner_addresses_are_refused_without_a_connection() {
    let world = World::start().await;
    let receiver = Receiver::start(|_| ok());
    let options = Options {
        allow_loopback: false,
        time_scale: TIME_SCALE,
    };
    let _notifier = world.notifier_with(options).await;
    let loopback = receiver.url();
    let by_name = loopback.replace("127.0.0.1", "localhost");
    let by_number = loopback.replace("127.0.0.1", "2130706433");
    let urls = [
        loopback.as_str(),
        &by_name,
        &by_number,
        "http://10.0.0.1/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://[fdaa::3]:4280/hook",
        "ftp://example.com/hook",
        "no address",
    ];
    for (n, url) in (1..).zip(urls) {
        world.completed_job(url).await;
        world.until_count("DEAD", n).await;
        assert!(
            world
                .dead_reason(n)
                .await
                .starts_with("the webhook address"),
            "{url}"
        );
    }
    world.until_count("WEBHOOKS", 0).await;
    assert_eq!((receiver.all().len(), world.count("TIMERS").await), (0, 0));
}

#[tokio::test]
async fn where_loopback_is_allowed_other_inner_addresses_are_not() {
    let world = World::start().await;
    let _notifier = world.notifier().await;
    world.completed_job("http://192.168.1.1/hook").await;
    world.until_count("DEAD", 1).await;
    assert!(world.dead_reason(1).await.contains("192.168.1.1"));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let world = World::start().await;
    let elsewhere = Receiver::start(|_| ok());
    let location = format!("location: {}\r\n", elsewhere.url());
    let receiver = Receiver::start(move |nth| match nth {
        0 => Answer::Status(307, location.clone()),
        1 => Answer::Status(301, location.clone()),
        _ => ok(),
    });
    let _notifier = world.notifier().await;
    world.completed_job(&receiver.url()).await;
    receiver.until(3).await;
    world.until_count("WEBHOOKS", 0).await;
    assert_eq!(elsewhere.all().len(), 0);
}

#[tokio::test]
async fn what_is_no_fact_or_no_delivery_is_a_dead_letter_and_stops_nothing() {
    let world = World::start().await;
    let receiver = Receiver::start(|_| ok());
    let _notifier = world.notifier().await;
    let job = world.job(Some(&receiver.url())).await;
    for subject in [
        format!("job.{job}.completed.1"),
        format!("webhook.e1.{job}.1"),
        "job.nobody.completed.1".to_owned(),
    ] {
        world.bus.publish(subject, "not a message").await.unwrap();
    }
    world.until_count("DEAD", 3).await;
    world.fact(job, 2, &Fact::Started {}).await;
    world.fact(job, 3, &completed()).await;
    receiver.until(2).await;
    until("empty queues", || async {
        (world.count("WEBHOOKS").await == 0).then_some(())
    })
    .await;
}
