//! What the storage refuses for good is reported as what it is, and not tried over and over.

use bus_schema::report::{ErrorCode, Outcome};

use super::plane::Plane;
use super::running;
use super::storage::Mood;

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_gone_has_changed() {
    let plane = Plane::start().await;
    plane.storage.be(Mood::Empty);
    let _running = running::start(&plane, 1).await;
    let job = plane.invite().await;
    match plane.outcome(job, 0).await {
        Outcome::Failed(error) => {
            assert_eq!(error.code, ErrorCode::SourceChanged, "{error:?}");
            assert!(
                error.message.ends_with("upload the file again."),
                "{error:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    plane.no_invitation_is_left().await;
}
