use std::io::ErrorKind;
use std::net::SocketAddr;

use bus_schema::JobId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn poster() -> Poster {
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
        .parse()
        .unwrap();
    Poster::new(secret, true).unwrap()
}

fn webhook(url: String) -> webhook::Delivery {
    let endpoint = "e1".parse().unwrap();
    let job = JobId::from_parts(1, [0; 10]);
    webhook::Delivery {
        endpoint,
        url,
        job,
        n: 1,
        attempt: 0,
        payload: "{}".to_owned(),
    }
}

#[tokio::test]
async fn a_name_that_turns_out_to_lead_inside_is_refused_before_a_connection() {
    let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Its text passes, as a name would that is public when it is checked; what resolves it is strict.
    let poster = Poster {
        client: client(false).unwrap(),
        ..poster()
    };
    let outcome = poster
        .post(&webhook(format!("http://localhost:{port}/secret")))
        .await;
    let Outcome::Failed { reason, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(reason.contains("not on the public internet"), "{reason}");
    assert!(!reason.contains("secret"), "{reason}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// What becomes of an answer that begins like this and goes on for ever.
async fn outcome_of(answer: &'static str) -> Outcome {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let url = format!(
        "http://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        while stream.write_all(&[b'a'; 1024]).await.is_ok() {}
        std::future::pending().await
    };
    let (poster, webhook) = (poster(), webhook(url));
    tokio::select! {
        outcome = poster.post(&webhook) => outcome,
        () = answering => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let head =
        "HTTP/1.1 429 Slow\r\nretry-after: 7\r\ntransfer-encoding: identity\r\n\r\nno\tmore \n";
    let outcome = outcome_of(head).await;
    let Outcome::Failed {
        reason,
        retry_after,
        closed_for,
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert!(
        reason.starts_with("answered 429 Too Many Requests: no more aaaa"),
        "{reason}"
    );
    assert!(reason.len() <= EXCERPT_CHARS_MAX + 64, "{}", reason.len());
    let asked = Some(Duration::from_secs(7));
    assert_eq!((retry_after, closed_for), (asked, asked));
    assert_eq!(
        outcome_of("HTTP/1.1 200 Fine\r\n\r\n").await,
        Outcome::Accepted(200)
    );
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure_with_its_cause() {
    let outcome = outcome_of("SSH-2.0-OpenSSH_9.6\r\n").await;
    let Outcome::Failed {
        reason,
        closed_for: None,
        ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert!(reason.contains("HTTP"), "{reason}");
}
