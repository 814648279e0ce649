//! Searches that are matched beside the session.

use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::sync::oneshot;

use super::*;
use crate::ldap::control::Control;
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::message::MessageId;
use crate::ldap::request::{Operation, SearchRequest, SearchScope};
use crate::ldap::response::{Response, ResponseOperation};
use crate::policy::application::{AnonymousAccess, SearchLimits};
use crate::policy::tests::{CORP, application, company, corp, noon};
use crate::policy::visibility::{Kept, Shown, VisibilityCache};
use crate::policy::{Application, Applications};
use crate::session::configured::Configured;
use crate::session::cursor::Cursors;
use crate::session::heavy::Job;
use crate::session::heavy::Started;
use crate::session::machine::Terms;
use crate::session::search::Memory;
use crate::session::search::{self, SearchContext};
use crate::session::tests::driving::{Around, around, terms};
use crate::session::tests::{decoded, search as search_for};

/// Runs `job` on a connection while `meanwhile` goes on; gives what the client got and whether the connection ended.
async fn find(
    around: &Around,
    session: &mut Session,
    job: Job,
    meanwhile: impl Future<Output = ()>,
) -> (Vec<Response>, bool) {
    let (mut near, mut far): (DuplexStream, DuplexStream) = duplex(1 << 20);
    let ended = {
        let mut connection = Connection::new(&mut near, session, &around.surroundings);
        let heavy = Heavy { id: MessageId::new(7).unwrap(), run: job };
        let both = async { tokio::join!(connection.find(heavy), meanwhile) };
        let (ended, ()) = timeout(Duration::from_secs(10), both).await.unwrap();
        connection.flush().await.unwrap();
        ended.unwrap().is_some()
    };
    drop(near);
    let mut octets = Vec::new();
    far.read_to_end(&mut octets).await.unwrap();
    (decoded(&octets), ended)
}

fn code(answers: &[Response]) -> u32 {
    match &answers.last().unwrap().operation {
        ResponseOperation::Done { result, .. } => result.code.0,
        ResponseOperation::Entry(_)
        | ResponseOperation::Reference
        | ResponseOperation::Intermediate => panic!("no end"),
    }
}

fn open() -> Application {
    Application { anonymous: AnonymousAccess::Search, ..application() }
}

fn everybody() -> Arc<SearchRequest> {
    let Operation::Search(request) = search_for(CORP, SearchScope::WholeSubtree, "(cn=*)") else {
        panic!("not a search")
    };
    request
}

/// The first page of a search over the company.
fn first_page() -> Job {
    Box::new(|cursors: &mut Cursors| {
        let (world, application) = (corp(1, company()), Arc::new(open()));
        let permit = Permit::of_anonymous(&application, &world, noon()).unwrap();
        let context = SearchContext {
            world: &world,
            visibility: Shown { cache: &VisibilityCache::default(), kept: &Kept::default() },
            pins: &Arc::default(),
            permit: &permit,
            now: noon(),
            clock: noon,
        };
        let page = PagedResults { size: 3, cookie: Vec::new() }.to_control(true);
        let mut memory = Memory { cursors: std::mem::take(cursors), ..Memory::default() };
        let id = MessageId::new(7).unwrap();
        let started = search::start(&context, &mut memory, id, &everybody(), &[page])?;
        *cursors = memory.cursors;
        match started {
            Started::Run(run) => Ok(*run),
            Started::Heavy(_) => panic!("the company is small"),
        }
    })
}

/// Its entries are handed out like those of any search, and its pages go on.
#[tokio::test]
async fn it_is_handed_out_like_any() {
    let (around, mut session) = (around(), Session::new(terms(open())));
    let (answers, ended) = find(&around, &mut session, first_page(), async {}).await;
    assert_eq!((answers.len(), code(&answers), ended), (4, 0, false));
    let cursors = &mut session.lend_cursors();
    let controls = Control::read_all(&answers.last().unwrap().controls).unwrap();
    let cookie = PagedResults::read(&controls[0]).unwrap().cookie;
    assert!(cursors.resume(&cookie, &everybody(), noon().monotonic).is_ok());
}

/// The session's own thread stays free, and moves of the world are heard.
#[tokio::test]
async fn others_go_on_meanwhile() {
    let (around, mut session) = (around(), Session::new(terms(open())));
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let job: Job = Box::new(move |_| {
        wait.recv_timeout(Duration::from_secs(5)).unwrap();
        Err(LdapResult::new(ResultCode::ADMIN_LIMIT_EXCEEDED, "too much"))
    });
    let meanwhile = async {
        for _ in 0..3 {
            around.epoch.send_modify(|epoch| *epoch += 1);
            tokio::task::yield_now().await;
        }
        around.draining.send_replace(true);
        tokio::time::sleep(Duration::from_millis(20)).await;
        done.send(()).unwrap();
    };
    let (answers, ended) = find(&around, &mut session, job, meanwhile).await;
    assert_eq!((answers.len(), code(&answers), ended), (1, 11, false), "it is finished first");
}

/// One that waits for its turn gives up when the program ends, and after the application's time limit.
#[tokio::test]
async fn waiting_for_a_turn_has_an_end() {
    let job = || -> Job { Box::new(|_| panic!("it never gets a turn")) };
    let limits = SearchLimits { time: Duration::from_millis(30), ..SearchLimits::default() };
    let places = |around: &Around| around.surroundings.gate.heavy_searches.clone();

    let (busy, mut session) = (around(), Session::new(terms(Application { limits, ..open() })));
    let _all = places(&busy).acquire_many_owned(1).await.unwrap();
    let (answers, ended) = find(&busy, &mut session, job(), async {}).await;
    assert_eq!((answers.len(), code(&answers), ended), (1, 3, false));

    let (busy, mut session) = (around(), Session::new(terms(open())));
    let _all = places(&busy).acquire_many_owned(1).await.unwrap();
    let end = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        busy.draining.send_replace(true);
    };
    let (answers, ended) = find(&busy, &mut session, job(), end).await;
    assert_eq!((answers.len(), code(&answers), ended), (1, 52, true), "a notice of disconnection");
    assert_eq!(answers[0].id, MessageId::UNSOLICITED);
}

/// A search that fails ends with an answer, and gives its place back.
#[tokio::test]
async fn a_panic_is_an_answer() {
    let (around, mut session) = (around(), Session::new(terms(open())));
    let (told, hears) = oneshot::channel::<()>();
    let job: Job = Box::new(move |_| {
        drop(told);
        panic!("as a test")
    });
    let (answers, ended) = find(&around, &mut session, job, async {
        hears.await.unwrap_err();
    })
    .await;
    assert_eq!((answers.len(), code(&answers), ended), (1, 80, false));
    assert_eq!(around.surroundings.gate.heavy_searches.available_permits(), 1);
}

/// What was found under the application's earlier configuration is not handed out under the later one.
#[tokio::test]
async fn a_changed_application_ends_a_search_under_way() {
    for (is_same, expected) in [(true, (4, 0, false)), (false, (1, 52, true))] {
        let configured = Applications::new(vec![Arc::new(open())]);
        let mut around = around();
        let gate = Arc::get_mut(&mut around.surroundings.gate).unwrap();
        gate.applications = Arc::new(Configured::idle(configured.clone()));
        let published = gate.applications.clone();
        let application = configured.all()[0].clone();
        let mut session = Session::new(Terms { application, ..terms(open()) });
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let job: Job = Box::new(move |cursors| {
            wait.recv_timeout(Duration::from_secs(5)).unwrap();
            first_page()(cursors)
        });
        let meanwhile = async {
            let next = configured.succeeded_by(vec![Arc::new(open())], |_| is_same);
            published.publish(next, Now::read().monotonic);
            done.send(()).unwrap();
        };
        let (answers, ended) = find(&around, &mut session, job, meanwhile).await;
        assert_eq!((answers.len(), code(&answers), ended), expected, "{is_same}");
    }
}
