//! `explain bind` against a running control socket with real controllers behind it.

use super::control::start;
use crate::admin::document::Failure;
use crate::admin::explained_bind::ExplainedBind;
use crate::cli::explain_bind::page;
use crate::demo::{Directory, SeenBind};

/// A wrong password in the wording before any is learned.
const WRONG: &str = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, \
                     data 52e, v1db1";

fn told(explained: &ExplainedBind) -> Vec<(&str, u32, &str)> {
    explained.told.iter().map(|one| (one.when.as_str(), one.code, one.text.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_explained_without_a_password() {
    let running = start();
    let ask = async |query: &str| -> ExplainedBind {
        let answer = running.client.get(&format!("/v1/explain/bind?{query}")).await.unwrap();
        answer.document().unwrap()
    };
    let unready = ask("name=alice").await;
    assert_eq!(unready.reason.as_deref(), Some("view_not_ready"), "{unready:?}");
    assert_eq!(told(&unready)[0].1, 52);
    running.client.post_and_wait("/v1/sync").await.unwrap();

    let alice = ask("name=alice%40corp.example&from=10.1.2.3").await;
    assert_eq!((alice.next.as_str(), alice.reason.as_deref()), ("ask_controller", None));
    assert_eq!(alice.sent_as.as_deref(), Some("CORP\\alice"));
    assert_eq!(alice.may_search, Some(false));
    assert_eq!(alice.controllers.iter().filter(|one| one.first).count(), 1, "{alice:?}");
    let wrong = ("wrong_password", 49, WRONG);
    assert_eq!(told(&alice)[..2], [("right_password", 0, ""), wrong]);
    assert!(alice.steps.iter().all(|step| step.verdict == "passes"), "{alice:?}");

    let zhang = ask("name=zhang&application=crm").await;
    let required = zhang.steps.iter().find(|step| step.step == "required groups").unwrap();
    let path = required.groups[0].path.as_ref().unwrap();
    assert_eq!(path.len(), 4, "two groups between: {path:?}");

    let bob = ask("name=CORP%5Cbob").await;
    assert_eq!(bob.reason.as_deref(), Some("account_disabled"));
    assert_eq!(told(&bob), [("always", 49, WRONG)], "uniform");
    assert!(bob.controllers.is_empty() && bob.sent_as.is_none());
    let page = page(&bob);
    for shown in ["refused here, account_disabled", "refuses: account_disabled", "would pass", "->"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let logins = |directory: &mut Directory| {
        let own = |bind: &&SeenBind| bind.name.contains("svc-sync");
        directory.binds().iter().filter(|bind| !own(bind)).count()
    };
    assert_eq!(running.world.directory.with(logins), 0, "no controller was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_cannot_be_answered_names_its_culprit() {
    let running = start();
    for (query, culprit) in [
        ("application=crm", "query"),
        ("name=alice&password=x", "query"),
        ("name=alice&application=mail", "application \"mail\""),
        ("name=alice&from=here", "address \"here\""),
        ("name=alice&listener=attic", "listener \"attic\""),
    ] {
        let answer = running.client.get(&format!("/v1/explain/bind?{query}")).await.unwrap();
        let failure: Failure = answer.any_document().unwrap();
        assert_eq!(failure.culprit, culprit, "{failure:?}");
    }
}
