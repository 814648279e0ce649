//! One run of one scenario against one server: a closed loop, each connection with one operation under way.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::connection::{Address, Chunk, Connection};
use crate::dataset::{SERVICE, SERVICE_PASSWORD};
use crate::ldap::{self, Message};
use crate::process;
use crate::scenario::{self, Kind, Question};

/// No answer in this time is a wrong answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    pub(crate) questions: Vec<Question>,
    /// How many connections ask at once.
    pub(crate) connections: usize,
    /// Time that does not count, for caches and pools to fill.
    pub(crate) warm_up: Duration,
    /// Time that counts; a dump under way is finished.
    pub(crate) time: Duration,
    /// The server sends the same answer to everything: only codes are checked.
    pub(crate) canned: bool,
}

/// Whom it is done to.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) pid: u32,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Operations; entries of a dump.
    pub(crate) operations: u64,
    /// Wall time.
    pub(crate) seconds: f64,
    /// Processor time of the server.
    pub(crate) cpu: f64,
    /// Processor time of what stands behind it; 0 where nothing does.
    pub(crate) upstream_cpu: f64,
    /// How long each answer took, in microseconds, ascending; of a dump, each page.
    pub(crate) latencies: Vec<u32>,
    /// Handshakes that were resumptions.
    pub(crate) resumed: u64,
}

/// Runs it. `upstream` is the process behind the server, if that is watched.
///
/// # Errors
/// Any answer that is not the one expected, and any connection that is lost.
pub(crate) fn run(load: &Load, server: &Server, upstream: Option<u32>) -> Result<Figures, String> {
    let poll = Poll::new().map_err(|error| error.to_string())?;
    let mut worker = Worker {
        load,
        server,
        poll,
        clients: Vec::new(),
        unbound: 0,
        next: 0,
        count: Count::default(),
    };
    worker.connect().map_err(|error| format!("{}: {error}", server.name))?;
    let upstream = upstream.filter(|pid| *pid != server.pid);
    worker.drive(upstream).map_err(|error| format!("{}: {error}", server.name))
}

#[derive(Default)]
struct Count {
    measuring: bool,
    operations: u64,
    latencies: Vec<u32>,
    resumed: u64,
    /// Whole rounds: every operation, but of a dump only its last page.
    rounds: u64,
}

struct Worker<'l> {
    load: &'l Load,
    server: &'l Server,
    poll: Poll,
    clients: Vec<Client>,
    /// How many connections are not bound yet; nothing is asked before all are.
    unbound: usize,
    /// The next question.
    next: usize,
    count: Count,
}

struct Client {
    connection: Connection,
    /// Of the message under way.
    id: u32,
    question: usize,
    /// Of the answer so far, over all pages.
    entries: u64,
    digest: u64,
    /// Where the next page begins; empty at the end.
    cookie: Vec<u8>,
    /// How many entries there were before this page.
    page_start: u64,
    started: Instant,
    binding: bool,
}

impl Worker<'_> {
    fn connect(&mut self) -> io::Result<()> {
        for place in 0..self.load.connections {
            let connection = self.open(place)?;
            let mut client = Client {
                connection,
                id: 1,
                question: 0,
                entries: 0,
                digest: 0,
                cookie: Vec::new(),
                page_start: 0,
                started: now(),
                binding: self.load.kind.is_search(),
            };
            if client.binding {
                let bind = ldap::bind(SERVICE, SERVICE_PASSWORD);
                ldap::put_message(client.connection.outgoing(), client.id, &bind, &[]);
                client.connection.flush()?;
                self.unbound += 1;
            }
            self.clients.push(client);
        }
        if self.unbound == 0 { self.ask_all() } else { Ok(()) }
    }

    fn open(&self, place: usize) -> io::Result<Connection> {
        Connection::open(&self.server.address, self.poll.registry(), Token(place))
    }

    /// Goes on until the time is over.
    fn drive(&mut self, upstream: Option<u32>) -> Result<Figures, String> {
        let cpu = |pid: Option<u32>| pid.map_or(Ok(0.0), process::cpu_seconds);
        let mut events = Events::with_capacity(1024);
        let mut chunk = Chunk::default();
        let mut phase_end = now() + self.load.warm_up;
        let mut before = None;
        loop {
            let rounds = self.count.rounds;
            let timeout = Some(Duration::from_millis(100));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled.map_err(|error| error.to_string())?,
            }
            for event in &events {
                self.serve(event.token().0, &mut chunk)?;
            }
            let time = now();
            if self.clients.iter().any(|client| time - client.started > PATIENCE) {
                return Err(format!("no answer for {PATIENCE:?}"));
            }
            if self.unbound > 0 {
                phase_end = time + self.load.warm_up;
            }
            if time < phase_end || self.count.rounds == rounds {
                continue;
            }
            let used = (cpu(Some(self.server.pid))?, cpu(upstream)?);
            let Some((start, start_cpu, start_upstream)) = before else {
                self.count = Count { measuring: true, ..Count::default() };
                before = Some((time, used.0, used.1));
                phase_end = time + self.load.time;
                continue;
            };
            self.goodbye();
            let mut count = std::mem::take(&mut self.count);
            count.latencies.sort_unstable();
            return Ok(Figures {
                operations: count.operations,
                seconds: (time - start).as_secs_f64(),
                cpu: used.0 - start_cpu,
                upstream_cpu: used.1 - start_upstream,
                latencies: count.latencies,
                resumed: count.resumed,
            });
        }
    }

    fn goodbye(&mut self) {
        for mut client in self.clients.drain(..) {
            ldap::put_message(client.connection.outgoing(), client.id + 1, &ldap::unbind(), &[]);
            client.connection.close(self.poll.registry());
        }
    }

    fn ask_all(&mut self) -> io::Result<()> {
        (0..self.clients.len()).try_for_each(|place| self.ask(place))
    }

    /// Sends the next request of a connection: the next page, or another question.
    fn ask(&mut self, place: usize) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(place) else { return Ok(()) };
        if client.cookie.is_empty() {
            client.question = self.next % self.load.questions.len();
            client.entries = 0;
            client.digest = 0;
            self.next += 1;
        }
        client.page_start = client.entries;
        client.id += 1;
        client.started = now();
        let Some(question) = self.load.questions.get(client.question) else { return Ok(()) };
        let paged = self.load.kind.page().map(|size| ldap::paged_control(size, &client.cookie));
        let controls = paged.unwrap_or_default();
        let out = client.connection.outgoing();
        ldap::put_message(out, client.id, &question.operation, &controls);
        client.connection.flush()
    }

    /// Takes what has arrived on a connection, and asks again after a terminal answer.
    fn serve(&mut self, place: usize, chunk: &mut Chunk) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(place) else { return Ok(()) };
        let failed = |error: io::Error| error.to_string();
        client.connection.flush().map_err(failed)?;
        client.connection.fill(chunk).map_err(failed)?;
        while let Some(range) = client.connection.next_message()? {
            let message = Message::read(client.connection.message(range));
            let message = message.map_err(|error| error.to_string())?;
            if message.id != client.id {
                return Err(format!("answer to message {} instead of {}", message.id, client.id));
            }
            if message.tag == ldap::SEARCH_ENTRY {
                client.entries += 1;
                if !self.load.canned {
                    let digest = scenario::received(message.body);
                    let digest = digest.map_err(|error| error.to_string())?;
                    client.digest = client.digest.wrapping_add(digest);
                }
                continue;
            }
            let code = message.code().map_err(|error| error.to_string())?;
            if code != 0 {
                return Err(format!("answer 0x{:02x} with code {code}", message.tag));
            }
            let cookie = message.cookie().map_err(|error| error.to_string())?;
            client.cookie = cookie.unwrap_or_default().to_vec();
            return self.answered(place);
        }
        if client.connection.is_closed() {
            return Err("the server has closed the connection".to_owned());
        }
        Ok(())
    }

    /// A terminal answer has come: checks the whole answer, counts, and asks again.
    fn answered(&mut self, place: usize) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(place) else { return Ok(()) };
        if std::mem::take(&mut client.binding) {
            self.unbound -= 1;
            let asked = if self.unbound == 0 { self.ask_all() } else { Ok(()) };
            return asked.map_err(|error| error.to_string());
        }
        let whole = client.cookie.is_empty();
        if whole && !self.load.canned {
            check(client, self.load)?;
        }
        if self.count.measuring {
            let paged = self.load.kind.page().is_some();
            let operations = if paged { client.entries - client.page_start } else { 1 };
            let latency = client.started.elapsed().as_micros();
            self.count.operations += operations;
            self.count.latencies.push(u32::try_from(latency).unwrap_or(u32::MAX));
            self.count.resumed += u64::from(client.connection.is_resumed());
        }
        self.count.rounds += u64::from(whole);
        if self.load.kind == Kind::Login {
            self.reconnect(place).map_err(|error| error.to_string())?;
        }
        self.ask(place).map_err(|error| error.to_string())
    }

    fn reconnect(&mut self, place: usize) -> io::Result<()> {
        let fresh = self.open(place)?;
        let Some(client) = self.clients.get_mut(place) else { return Ok(()) };
        let mut old = std::mem::replace(&mut client.connection, fresh);
        ldap::put_message(old.outgoing(), client.id + 1, &ldap::unbind(), &[]);
        old.close(self.poll.registry());
        client.id = 1;
        Ok(())
    }
}

fn check(client: &Client, load: &Load) -> Result<(), String> {
    let Some(question) = load.questions.get(client.question) else { return Ok(()) };
    if client.entries != question.entries {
        let Question { entries, .. } = question;
        return Err(format!(
            "question {}: {} entries instead of {entries}",
            client.question, client.entries
        ));
    }
    if client.digest != question.digest {
        return Err(format!("question {}: other values than there are", client.question));
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a load tool reads the clock")]
fn now() -> Instant {
    Instant::now()
}
