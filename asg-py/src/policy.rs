//! Security groups: answers about hypothetical packets, and explanations of flows.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use asg_cli::explain::{PolicySources, Question, SettingsSource};
use asg_core::Timestamp;
use asg_core::policy::{self, Evaluator, Phase};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::Value;

use crate::errors::Failure;
use crate::objects;

/// The native part of `asglog.Policy`.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Policy {
    pub(crate) held: policy::Policy,
    #[pyo3(get)]
    notes: Vec<String>,
    evaluator: Mutex<Option<Evaluator>>,
}

#[pymethods]
impl Policy {
    /// Creates a policy. `settings` is JSON; `taken_at` is in nanoseconds since the epoch.
    #[new]
    fn new(
        py: Python<'_>,
        groups: Vec<PathBuf>,
        settings: String,
        taken_at: Option<i64>,
    ) -> Result<Self, Failure> {
        let sources = PolicySources {
            groups,
            settings: Some(SettingsSource::Json(settings)),
            taken_at: taken_at.map(Timestamp::from_nanos),
            ..PolicySources::default()
        };
        let loaded = py.detach(|| sources.load())?;
        let evaluator = Mutex::new(loaded.policy.evaluator());
        Ok(Self { held: loaded.policy, notes: loaded.notes, evaluator })
    }

    /// Returns the answer to a question in JSON.
    fn answer<'py>(
        &self,
        py: Python<'py>,
        question: &str,
        near: Option<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut answer = Vec::new();
        py.detach(|| {
            let mut evaluator = self.evaluator.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(evaluator) = &mut *evaluator {
                evaluator.answer_line(question.as_bytes(), near, &mut answer);
            }
        });
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| PyValueError::new_err("there is no question, or no snapshot"))?;
        match answer["error"]["message"].as_str() {
            Some(message) => Err(PyValueError::new_err(message.to_owned())),
            None => objects::object(py, &answer),
        }
    }

    /// Returns the rules that leave lines; `None` without a snapshot.
    fn coverage<'py>(
        &self,
        py: Python<'py>,
        space: &str,
        phase: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let phase = named(phase)?;
        let coverage = py.detach(|| self.held.coverage(space, phase, None));
        coverage.map(|coverage| objects::to_python(py, &coverage)).transpose()
    }
}

fn named(phase: &str) -> PyResult<Phase> {
    let found = Phase::ALL.into_iter().find(|known| known.as_str() == phase);
    found.ok_or_else(|| PyValueError::new_err("phase is 'running' or 'staging'"))
}

/// Converts a packet such as `tcp 10.0.11.7:443` to a question in JSON.
#[pyfunction]
pub(crate) fn question(packet: &str, space: Option<&str>, phase: &str) -> PyResult<String> {
    let question = Question::parse(packet).map_err(Failure::from)?;
    Ok(question.to_json(space, named(phase)?))
}
