//! `cargo xtask diagram`: pictures of the two protocols, drawn from the table of transitions itself.
//!
//! The crate's unit test `state::diagram::transitions` walks through the table that the parkers run and
//! prints every transition that can happen. This file only says where on the paper each state and each arrow
//! goes, and refuses to draw when one has no place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::process::Output;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// Draw the state diagrams in docs/ from the table of transitions
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write nothing: fail if a picture is not what would be drawn
    #[arg(long)]
    check: bool,
}

/// Draws the diagrams, or looks whether they are up to date.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.check {
        return check(workspace);
    }
    for (path, picture) in draw_all(workspace)? {
        fs::write(&path, picture).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Whether the diagrams are what would be drawn.
///
/// # Errors
/// When they are not, or can't be drawn.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    for (path, picture) in draw_all(workspace)? {
        if !is_up_to_date(&path, &picture) {
            bail!("{} is out of date: `cargo xtask diagram` draws it anew", path.display());
        }
    }
    Ok(())
}

/// Git may have changed the line ends.
fn is_up_to_date(path: &Path, picture: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|found| found.replace("\r\n", "\n") == picture)
}

fn draw_all(workspace: &Workspace) -> Result<Vec<(PathBuf, String)>> {
    let test = ["--package", "ntpark", "--lib", "--", "--exact", "state::diagram::transitions", "--nocapture"];
    let task = Toolchain::host(workspace).cargo(workspace, "test").arg("--quiet").args(test);
    let output = task.run(Output::KeepStdout)?.check()?.output;
    let transitions: Vec<Transition> = output.lines().filter_map(Transition::read).collect();
    let mut pictures = Vec::new();
    for paper in [&TOKEN, &TWO_PHASE] {
        let path = workspace.root().join("docs").join(format!("{}.svg", paper.protocol));
        pictures.push((path, paper.draw(&transitions)?));
    }
    Ok(pictures)
}

/// An event on the word, as the unit test prints it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Transition {
    protocol: String,
    /// `park` or `unpark`: whose event it is.
    who: String,
    event: String,
    from: String,
    to: String,
    /// What the thread does next.
    then: String,
}

impl Transition {
    fn read(line: &str) -> Option<Self> {
        let (_, fields) = line.split_once("transition: ")?;
        let mut fields = fields.split(", ").map(str::to_owned);
        let mut next = || fields.next();
        Some(Self { protocol: next()?, who: next()?, event: next()?, from: next()?, to: next()?, then: next()? })
    }

    /// What the thread does next, for a reader; none if it just goes on.
    fn effect(&self) -> Result<Option<&str>> {
        Ok(Some(match self.then.as_str() {
            "Wait" => "blocks",
            "Settle" => "receives the wake",
            "Wake" => "wakes the thread",
            "Unparked" => "unparked",
            "TimedOut" => "timed out",
            "Done" => "done",
            other if other.starts_with("Do ") => return Ok(None),
            other => bail!("there are no words for {other}"),
        }))
    }
}

/// A drawing of one protocol.
struct Paper {
    protocol: &'static str,
    title: &'static str,
    width: u32,
    height: u32,
    boxes: &'static [StateBox],
    arrows: &'static [Arrow],
}

/// A state: where it is drawn, and what it means.
struct StateBox {
    name: &'static str,
    meaning: &'static [&'static str],
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

/// A way from one state to another: the line, and where what happens on it is written.
struct Arrow {
    from: &'static str,
    to: &'static str,
    path: &'static str,
    x: u32,
    y: u32,
    anchor: &'static str,
}

const TOKEN: Paper = Paper {
    protocol: "token",
    title: "Parker: the token protocol",
    width: 860,
    height: 460,
    boxes: &[
        StateBox { name: "EMPTY", meaning: &["no token, nobody waits"], x: 30, y: 90, width: 240, height: 96 },
        StateBox { name: "NOTIFIED", meaning: &["a token is there"], x: 590, y: 90, width: 240, height: 96 },
        StateBox {
            name: "PARKED",
            meaning: &["a thread blocks, or is about to"],
            x: 30,
            y: 330,
            width: 240,
            height: 96,
        },
        StateBox {
            name: "PARKED+NOTIFIED",
            meaning: &["the token is there,", "the thread has not left yet"],
            x: 590,
            y: 330,
            width: 240,
            height: 110,
        },
    ],
    arrows: &[
        Arrow { from: "EMPTY", to: "NOTIFIED", path: "M270,118 H584", x: 430, y: 108, anchor: "middle" },
        Arrow { from: "NOTIFIED", to: "EMPTY", path: "M590,158 H276", x: 430, y: 178, anchor: "middle" },
        Arrow { from: "EMPTY", to: "PARKED", path: "M90,186 V324", x: 102, y: 260, anchor: "start" },
        Arrow { from: "PARKED", to: "EMPTY", path: "M210,330 V192", x: 222, y: 262, anchor: "start" },
        Arrow { from: "PARKED", to: "PARKED+NOTIFIED", path: "M270,385 H584", x: 430, y: 405, anchor: "middle" },
        Arrow {
            from: "PARKED+NOTIFIED",
            to: "EMPTY",
            path: "M640,330 C600,240 400,270 275,184",
            x: 530,
            y: 246,
            anchor: "start",
        },
    ],
};

const TWO_PHASE: Paper = Paper {
    protocol: "two-phase",
    title: "ThreadParker: the two-phase protocol",
    width: 1100,
    height: 500,
    boxes: &[
        StateBox { name: "EMPTY", meaning: &["new"], x: 30, y: 90, width: 130, height: 90 },
        StateBox {
            name: "ARMED",
            meaning: &["perhaps in a queue,", "not yet committed to block"],
            x: 290,
            y: 90,
            width: 220,
            height: 90,
        },
        StateBox { name: "PARKED", meaning: &["blocks, or is about to"], x: 290, y: 380, width: 220, height: 90 },
        StateBox { name: "NOTIFIED", meaning: &["has been let go"], x: 560, y: 222, width: 240, height: 110 },
        StateBox {
            name: "TIMED_OUT",
            meaning: &["gave up, perhaps", "still in the queue"],
            x: 920,
            y: 222,
            width: 150,
            height: 110,
        },
    ],
    arrows: &[
        Arrow { from: "EMPTY", to: "ARMED", path: "M160,135 H284", x: 222, y: 124, anchor: "middle" },
        Arrow { from: "ARMED", to: "PARKED", path: "M340,180 V374", x: 328, y: 282, anchor: "end" },
        Arrow {
            from: "ARMED",
            to: "NOTIFIED",
            path: "M430,180 C435,235 480,262 554,262",
            x: 446,
            y: 218,
            anchor: "start",
        },
        Arrow {
            from: "NOTIFIED",
            to: "ARMED",
            path: "M640,222 C635,180 590,158 516,158",
            x: 618,
            y: 168,
            anchor: "start",
        },
        Arrow {
            from: "PARKED",
            to: "NOTIFIED",
            path: "M430,380 C435,325 480,296 554,296",
            x: 446,
            y: 352,
            anchor: "start",
        },
        Arrow {
            from: "PARKED",
            to: "TIMED_OUT",
            path: "M510,430 C760,440 960,420 995,338",
            x: 740,
            y: 452,
            anchor: "middle",
        },
        Arrow { from: "TIMED_OUT", to: "NOTIFIED", path: "M920,277 H806", x: 863, y: 266, anchor: "middle" },
        Arrow {
            from: "TIMED_OUT",
            to: "ARMED",
            path: "M995,222 C960,130 760,112 516,112",
            x: 740,
            y: 108,
            anchor: "middle",
        },
    ],
};

/// Colours for paper that is light, and for paper that is dark. Blue is the thread that parks, orange who
/// unparks.
const STYLE: &str = "
    text { font: 14px system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; fill: #1f2328 }
    .title { font-size: 18px; font-weight: 600 }
    .name { font: 600 15px ui-monospace, SFMono-Regular, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace }
    .event { font: 600 14px ui-monospace, SFMono-Regular, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace }
    .small { font-size: 13px }
    .faint { fill: #59636e }
    .box { fill: #f6f8fa; stroke: #818b98; stroke-width: 1.25 }
    .arrow { fill: none; stroke-width: 1.75 }
    .park { fill: #0969da } .arrow.park { fill: none; stroke: #0969da }
    .unpark { fill: #bc4c00 } .arrow.unpark { fill: none; stroke: #bc4c00 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .faint { fill: #9198a1 }
      .box { fill: #151b23; stroke: #656c76 }
      .park { fill: #4493f8 } .arrow.park { stroke: #4493f8 }
      .unpark { fill: #f0883e } .arrow.unpark { stroke: #f0883e }
    }
";

const LINE_HEIGHT: u32 = 18;

impl Paper {
    fn draw(&self, all: &[Transition]) -> Result<String> {
        let transitions = || all.iter().filter(|transition| transition.protocol == self.protocol);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" \
             aria-label=\"{2}\">\n  <!-- Drawn by `cargo xtask diagram` from src/state.rs. -->\n  <style>{STYLE}  </style>\n",
            self.width, self.height, self.title
        );
        for who in ["park", "unpark"] {
            writeln!(
                svg,
                "  <marker id=\"{who}\" viewBox=\"0 0 8 8\" refX=\"6\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
                 markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"{who}\" d=\"M0,0 L8,4 L0,8 Z\"/></marker>"
            )?;
        }
        writeln!(svg, "  <text class=\"title\" x=\"30\" y=\"38\">{}</text>", self.title)?;
        writeln!(
            svg,
            "  <text class=\"small\" x=\"30\" y=\"62\"><tspan class=\"park\">the thread that parks</tspan> · <tspan \
             class=\"unpark\">who unparks</tspan> · in a state: what leaves it as it is</text>"
        )?;

        for state in self.boxes {
            let stays = transitions().filter(|transition| transition.from == state.name && transition.to == state.name);
            state.draw(&mut svg, &stays.collect::<Vec<_>>())?;
        }
        for arrow in self.arrows {
            let events: Vec<_> = transitions().filter(|it| it.from == arrow.from && it.to == arrow.to).collect();
            arrow.draw(&mut svg, &events)?;
        }
        svg.push_str("</svg>\n");

        for transition in transitions() {
            let has_box = |name: &str| self.boxes.iter().any(|state| state.name == name);
            let has_arrow = self.arrows.iter().any(|it| it.from == transition.from && it.to == transition.to);
            let stays = transition.from == transition.to;
            if !has_box(&transition.from) || !has_box(&transition.to) || !(stays || has_arrow) {
                bail!("{transition:?} has no place in the diagram");
            }
        }
        Ok(svg)
    }
}

impl StateBox {
    fn draw(&self, svg: &mut String, stays: &[&Transition]) -> Result<()> {
        let Self { name, meaning, x, y, width, height } = self;
        let mut lines = vec![format!("<text class=\"name\"{{}}>{name}</text>")];
        lines.extend(meaning.iter().map(|text| format!("<text class=\"small faint\"{{}}>{text}</text>")));
        // One line for all events of a side that have the same effect.
        let mut effects: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for transition in stays {
            if let Some(effect) = transition.effect()? {
                effects.entry((&transition.who, effect)).or_default().push(&transition.event);
            }
        }
        lines.extend(effects.iter().map(|((who, effect), events)| {
            let events = events.join(", ");
            format!("<text class=\"small\"{{}}><tspan class=\"{who}\">{events}</tspan>: {effect}</text>")
        }));

        writeln!(svg, "  <rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"10\"/>")?;
        let text_height = lines.len() as u32 * LINE_HEIGHT;
        let top = y + height.checked_sub(text_height + 8).with_context(|| format!("{name} needs a higher box"))? / 2;
        for (line, baseline) in lines.iter().zip((top + LINE_HEIGHT..).step_by(LINE_HEIGHT as usize)) {
            let place = format!(" x=\"{}\" y=\"{baseline}\" text-anchor=\"middle\"", x + width / 2);
            writeln!(svg, "  {}", line.replacen("{}", &place, 1))?;
        }
        Ok(())
    }
}

impl Arrow {
    fn draw(&self, svg: &mut String, events: &[&Transition]) -> Result<()> {
        let Self { from, to, path, x, y, anchor } = self;
        let [event] = events else {
            bail!("the arrow from {from} to {to} stands for {} events, not for one", events.len());
        };
        let who = &event.who;
        let effect = event.effect()?.with_context(|| format!("{event:?} leads nowhere"))?;
        writeln!(
            svg,
            "  <path class=\"arrow {who}\" d=\"{path}\" marker-end=\"url(#{who})\"/>\n  <text x=\"{x}\" y=\"{y}\" \
             text-anchor=\"{anchor}\"><tspan class=\"event {who}\">{}</tspan><tspan class=\"small\">: {effect}</tspan></text>",
            event.event
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_test_is_read() {
        let line = "test x ... transition: token, unpark, Unpark, PARKED, PARKED+NOTIFIED, Wake";
        let transition = Transition::read(line).expect("it is one");
        assert_eq!((transition.from.as_str(), transition.to.as_str()), ("PARKED", "PARKED+NOTIFIED"));
        assert_eq!(transition.effect().expect("known"), Some("wakes the thread"));
        assert_eq!(Transition::read("running 1 test"), None);
    }

    #[test]
    fn what_has_no_place_is_not_left_out() {
        let stray = Transition {
            protocol: "token".into(),
            who: "park".into(),
            event: "Leap".into(),
            from: "NOTIFIED".into(),
            to: "PARKED".into(),
            then: "Wait".into(),
        };
        assert!(TOKEN.draw(&[stray]).is_err());
    }
}
