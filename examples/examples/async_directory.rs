//! Names from an asynchronous client, for finished logs and for one that is being written: the
//! runtime's threads are never blocked.
//!
//! `cargo run -p asg-examples --example async_directory`

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use asg_cc_client::embedded::Server;
use asg_cc_client::{AsyncCloudController, AsyncHttpTransport, Error, Token};
use asg_core::correlate::FollowerOptions;
use asg_core::names::{Deferred, Unanswered};
use asg_core::{Flow, Follower, Gathering, Guid, Identity, Line, Origin, SourceId};
use tokio::task::JoinHandle;

type Client = AsyncCloudController<AsyncHttpTransport>;

fn name(flow: &Flow<'_, '_>) -> String {
    flow.identity.and_then(Identity::path).unwrap_or_else(|| "?".into())
}

/// Returns the names of the owners of a finished log's packets.
async fn finished(log: &[u8], cc: &Client) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let lines: Vec<_> = (1..).zip(log.split(|b| *b == b'\n')).collect();
    let origin = |line| Origin { source: SourceId(0), line };
    let mut gathering = Gathering::new();
    for (line, text) in &lines {
        gathering.ingest(origin(*line), text);
    }
    let mut gathered = gathering.finish(|joiner| {
        for (line, text) in &lines {
            joiner.look(origin(*line), text);
        }
        Ok::<(), Infallible>(())
    })?;

    // The first question fails and is kept; the second one finds its answer.
    let mut directory = Deferred::new();
    while gathered.resolve(&mut directory) == Err(Unanswered) {
        let asked = directory.questions();
        directory.answer(&asked, cc.resolve(&asked).await);
    }

    let correlation = gathered.correlate();
    let mut reader = correlation.reader();
    let mut names = Vec::new();
    for (line, text) in &lines {
        let line = (origin(*line), Line::new(text));
        names.extend(reader.flow(line.0, &line.1).map(|flow| name(&flow)));
    }
    Ok(names)
}

/// A lookup in a task of its own.
type Lookup = JoinHandle<(Vec<Guid>, Result<HashMap<Guid, Identity>, Error>)>;

/// Returns the names of the owners of packets as they come. Lines are still taken during a lookup.
async fn followed(log: &[u8], cc: Arc<Client>) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut follower = Follower::new(FollowerOptions::default());
    let mut directory = Deferred::new();
    let mut lookup: Option<Lookup> = None;
    let mut names = Vec::new();
    let mut each = |flow: &Flow<'_, '_>| -> ControlFlow<Infallible> {
        names.push(name(flow));
        ControlFlow::Continue(())
    };
    let ask = |asked: Vec<Guid>| {
        let cc = Arc::clone(&cc);
        tokio::spawn(async move {
            let found = cc.resolve(&asked).await;
            (asked, found)
        })
    };
    for (line, text) in (1..).zip(log.split(|b| *b == b'\n')) {
        let origin = Origin { source: SourceId(0), line };
        // Flows without an answer are held, so this error is expected.
        let _ = follower.take(origin, text, &mut directory, &mut each);
        // A program would wait for the next line here, which lets the lookup go on.
        tokio::task::yield_now().await;
        if let Some(done) = lookup.take_if(|lookup| lookup.is_finished()) {
            let (asked, found) = done.await?;
            directory.answer(&asked, found);
            if let Some(now) = follower.now() {
                let _ = follower.tick(now, &mut directory, &mut each);
            }
        }
        if lookup.is_none() {
            let asked = directory.questions();
            lookup = (!asked.is_empty()).then(|| ask(asked));
        }
    }
    // The log ends: wait for the missing answers.
    while follower.finish(&mut directory, &mut each) == Err(Unanswered) {
        let (asked, found) = match lookup.take() {
            Some(lookup) => lookup.await?,
            None => ask(directory.questions()).await?,
        };
        directory.answer(&asked, found);
    }
    Ok(names)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../asg-cli/data/foundation.log"));
    let server = Server::start(asg_cli::program::demo::foundation().token("sesame"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (finished, followed) = runtime.block_on(async {
        let transport = AsyncHttpTransport::new()?;
        let cc = AsyncCloudController::new(transport, &server.url(), Token::new("sesame")?)?;
        let cc = Arc::new(cc);
        let finished = finished(log, &cc).await?;
        Ok::<_, Box<dyn std::error::Error>>((finished, followed(log, cc).await?))
    })?;
    for name in &finished {
        println!("{name}");
    }
    let named = |names: &[String]| names.iter().filter(|name| *name != "?").count();
    assert_eq!((named(&finished), named(&followed)), (8, 8), "{followed:?}");
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
