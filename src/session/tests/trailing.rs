//! Logins and the audit trail.

use tokio::io::AsyncWriteExt;

use super::following::{answer, following};
use super::*;
use crate::ldap::ber::Writer;
use crate::ldap::request::write_simple_bind;
use crate::trail::{Trail, WhenFull};

fn bind() -> Vec<u8> {
    let mut writer = Writer::new();
    let password = Password::copy_from(b"secret");
    write_simple_bind(&mut writer, MessageId::new(1).unwrap(), b"nobody", &password, &[]);
    writer.into_octets()
}

/// Where no login is to go on without its line, a trail that takes none has them refused as busy; elsewhere they go on.
#[tokio::test]
async fn a_trail_without_room_holds_logins_up_only_where_that_is_wished() {
    for (when_full, code) in [(WhenFull::Wait, 51), (WhenFull::Drop, 49)] {
        let mut following = following(|_| ());
        let gate = Arc::get_mut(&mut following.around.surroundings.gate).unwrap();
        gate.trail = Some(Arc::new(Trail::without_room(when_full)));
        following
            .serve(async |far, _, _| {
                far.write_all(&bind()).await.unwrap();
                assert_eq!(answer(far).await, (code, 0), "{when_full:?}");
                far.shutdown().await.unwrap();
            })
            .await;
    }
}
