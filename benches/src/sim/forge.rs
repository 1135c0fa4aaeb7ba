//! Lines that an app prints to look like the platform's.

use std::io;
use std::io::Write as _;
use std::sync::Arc;

use super::Kind;
use super::clock::{SECOND, rfc3339, text as instant};
use super::damage::{About, Piece, Sent};
use super::run::Run;
use super::sink::Sink;
use super::truth::{Names, Truth};

/// A kind of forged line.
#[derive(Debug, Clone, Copy)]
enum Forgery {
    /// The app claims to run another's process.
    Process,
    /// Another container, whose handle begins like its own, runs another's process.
    Rival,
    /// The app claims to be gone.
    End,
    /// iptables-logger's line, with another's name.
    Logger,
    /// Another's packet.
    Packet,
    /// A stamp of the year 2099.
    Future,
    /// A note of lost lines.
    Loss,
}

const ALL: [Forgery; 7] = [
    Forgery::Process,
    Forgery::Rival,
    Forgery::End,
    Forgery::Logger,
    Forgery::Packet,
    Forgery::Future,
    Forgery::Loss,
];

impl<S: Sink> Run<'_, S> {
    /// Prints something as the app of a container, now and then.
    pub(super) fn forge(&mut self, slot: usize) -> io::Result<()> {
        let Some(file) = self.extra.drain else { return Ok(()) };
        let share = self.config.damage.forged;
        let chance = &mut self.output.chance;
        if !chance.hits(share) {
            return Ok(());
        }
        let forgery = ALL[chance.index(ALL.len())];
        let others: Vec<_> = self.slots.all().collect();
        let victim = Arc::clone(&self.slots[others[chance.index(others.len())]].facts);
        let own = Arc::clone(&self.slots[slot].facts);
        let wall = self.cells[self.slots[slot].cell].clock.wall(self.now);
        let process = victim.process_guid.clone().unwrap_or_default();
        let rep = |at: i64, handle: &str, message: &str| {
            format!(
                r#"{{"timestamp":"{}","level":"info","source":"rep","message":"rep.executing-container-operation.{message}","data":{{"container-guid":"{handle}","guid":"{handle}","lrp-instance-key":{{"instance_guid":"{handle}","cell_id":"{}"}},"lrp-key":{{"process_guid":"{process}","index":0,"domain":"cf-apps"}},"session":"9"}}}}"#,
                instant(at),
                own.cell,
            )
        };
        let uptime = self.cells[self.slots[slot].cell].clock.uptime(self.now);
        let body = match forgery {
            Forgery::Process => rep(wall, &own.handle, "created-container-in-garden"),
            Forgery::Rival => {
                let end = own.handle.len().min(25);
                rep(wall, &format!("{}fff", &own.handle[..end]), "created-container-in-garden")
            }
            Forgery::End => rep(wall, &own.handle, "destroyed-container-in-garden"),
            Forgery::Future => rep(4_070_908_800 * SECOND, &own.handle, "starting"),
            Forgery::Logger => format!(
                r#"{{"timestamp":"{}","level":"info","source":"cfnetworking.iptables","message":"cfnetworking.iptables.egress-allowed","data":{{"packet":{{"direction":"egress","allowed":true,"src_ip":"{}","dst_ip":"203.0.113.9","src_port":40000,"dst_port":443,"protocol":"TCP","mark":"0x1","icmp_type":0,"icmp_code":0}},"source":{{"container_id":"{}","app_guid":"{}","space_guid":"","organization_guid":"","host_ip":"10.0.16.15","host_guid":"{}"}}}}}}"#,
                instant(wall),
                own.address,
                own.handle,
                victim.app.map(|app| app.to_string()).unwrap_or_default(),
                own.cell,
            ),
            Forgery::Packet => format!(
                "[{}.000001] OK_{} IN=s-010255000009 OUT=eth0 MAC=aa:aa:0a:ff:00:09:ee:ee:0a:ff:00:09:08:00 SRC={} DST=203.0.113.9 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=4 DF PROTO=TCP SPT=40000 DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0 ",
                uptime / 1_000_000,
                &victim.handle[..victim.handle.len().min(25)],
                victim.address,
            ),
            Forgery::Loss => "imuxsock lost 5000 messages from pid 7 due to rate-limiting".into(),
        };
        let mut line = Vec::with_capacity(body.len() + 200);
        let app = own.app.map(|app| app.to_string()).unwrap_or_default();
        match chance.below(4) {
            0 => {
                line.extend(b"<14>1 ");
                rfc3339(&mut line, wall, 6, "+00:00");
                let _ = write!(line, " org.space.app {app} [APP/PROC/WEB/0] - - {body}");
            }
            1 => {
                line.extend(b"   ");
                rfc3339(&mut line, wall, 2, "+0000");
                let _ = write!(line, " [APP/PROC/WEB/0] OUT {body}");
            }
            2 => {
                rfc3339(&mut line, wall, 6, "+00:00");
                let _ = write!(line, " {} sshd[311]: {body}", own.cell);
            }
            _ => {
                let message = serde_json::Value::from(body);
                let _ = write!(
                    line,
                    r#"{{"cf_app_id":"{app}","event_type":"LogMessage","msg":{message},"source_type":"APP/PROC/WEB","timestamp":{wall}}}"#
                );
            }
        }
        let about = match forgery {
            Forgery::Packet | Forgery::Logger => About::Packet(Truth {
                packet: 0,
                time: self.now,
                wall,
                kind: Kind::Forged,
                names: Names::Nobody,
                container: None,
                named: None,
                peer: None,
                damaged: false,
                copy: false,
                ruling: None,
            }),
            _ => About::Noise,
        };
        self.send(file, Sent { text: line, about, lager: false, piece: Piece::Whole })
    }
}
