//! What `template.yaml` says, as far as a runner needs it: the table, the queues, and which function a queue feeds.
//! It is read instead of repeated, so that both are defined once.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Error;
use crate::sqs::QueueOptions;

const TEMPLATE: &str = include_str!("../../template.yaml");
/// Stands in for the stack's name.
const STACK: &str = "omega";

/// The resources of the template.
#[derive(Clone, Debug)]
pub struct Template(Map<String, Value>);

/// The table.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// How it is paid for.
    pub billing_mode: String,
    /// The types of all key attributes.
    pub attribute_definitions: Vec<Attribute>,
    /// The primary key.
    pub key_schema: Vec<Key>,
    /// The indexes.
    #[serde(default)]
    pub global_secondary_indexes: Vec<Index>,
    /// Which attribute says when an item is over.
    pub time_to_live_specification: Option<TimeToLive>,
}

/// The type of a key attribute.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are CloudFormation's")]
pub struct Attribute {
    pub attribute_name: String,
    pub attribute_type: String,
}

/// One part of a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are CloudFormation's")]
pub struct Key {
    pub attribute_name: String,
    pub key_type: String,
}

/// An index.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are CloudFormation's")]
pub struct Index {
    pub index_name: String,
    pub key_schema: Vec<Key>,
    pub projection: Projection,
}

/// What an index holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are CloudFormation's")]
pub struct Projection {
    pub projection_type: String,
    /// The attributes that an index of some of them has beside its keys.
    #[serde(default)]
    pub non_key_attributes: Option<Vec<String>>,
}

/// Which attribute says when an item is over.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are CloudFormation's")]
pub struct TimeToLive {
    pub attribute_name: String,
    pub enabled: bool,
}

/// A queue with its settings.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its settings.
    pub options: QueueOptions,
}

/// What feeds a function.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The name of the queue.
    pub queue: String,
    /// The name of its dead-letter queue.
    pub dead_letters: String,
    /// So many messages are handed to the function at once.
    pub batch_size: u32,
}

impl Template {
    /// The project's template, as it was when this was compiled.
    ///
    /// # Errors
    /// When it is not YAML, or not a template.
    pub fn of_the_project() -> Result<Template, Error> {
        let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(TEMPLATE)?;
        match plain(yaml) {
            Value::Object(mut template) => match template.remove("Resources") {
                Some(Value::Object(resources)) => Ok(Template(resources)),
                _ => Err("template.yaml has no resources".into()),
            },
            _ => Err("template.yaml is not a template".into()),
        }
    }

    /// The table.
    ///
    /// # Errors
    /// When there is none, or it lacks something.
    pub fn table(&self) -> Result<Table, Error> {
        let properties = self.of_type("AWS::DynamoDB::Table").next().ok_or("template.yaml has no table")?.1;
        read("the table", properties)
    }

    /// All queues, those for dead letters first.
    ///
    /// # Errors
    /// When one lacks something.
    pub fn queues(&self) -> Result<Vec<Queue>, Error> {
        let mut queues =
            self.of_type("AWS::SQS::Queue").map(|(id, _)| self.queue(id)).collect::<Result<Vec<_>, _>>()?;
        queues.sort_by_key(|queue| queue.options.max_receive.is_some());
        Ok(queues)
    }

    /// What feeds the function in the folder `functions/{function}`.
    ///
    /// # Errors
    /// When no queue with a dead-letter queue does.
    pub fn feed(&self, function: &str) -> Result<Feed, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Event {
            queue: String,
            batch_size: u32,
        }
        let events = self.function(function)?["Events"].as_object().into_iter().flatten();
        let event = events.map(|(_, event)| event).find(|event| event["Type"] == "SQS");
        let event: Event = read(function, event.map_or(&Value::Null, |event| &event["Properties"]))?;
        let queue = self.queue(attribute_of(&event.queue))?;
        let (dead_letters, _) = queue.options.max_receive.ok_or("a queue has no dead-letter queue")?;
        Ok(Feed { queue: queue.name, dead_letters, batch_size: event.batch_size })
    }

    /// Whether the function in the folder `functions/{function}` is given this environment variable.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn gives(&self, function: &str, variable: &str) -> Result<bool, Error> {
        Ok(self.function(function)?["Environment"]["Variables"].get(variable).is_some())
    }

    /// Every environment variable of every function, each with the function's folder.
    ///
    /// # Errors
    /// When a function is in no folder.
    #[cfg(test)]
    pub fn variables(&self) -> Result<Vec<(String, String)>, Error> {
        let mut all = Vec::new();
        for (id, properties) in self.of_type("AWS::Serverless::Function") {
            let folder = properties["CodeUri"].as_str().ok_or_else(|| format!("{id} has no folder"))?;
            let variables = properties["Environment"]["Variables"].as_object().into_iter().flatten();
            all.extend(variables.map(|(name, _)| (folder.to_owned(), name.clone())));
        }
        Ok(all)
    }

    fn function(&self, name: &str) -> Result<&Value, Error> {
        let folder = format!("functions/{name}");
        let function = self
            .of_type("AWS::Serverless::Function")
            .find(|(_, properties)| properties["CodeUri"] == *folder);
        Ok(function.ok_or_else(|| format!("template.yaml has no function in {folder}"))?.1)
    }

    fn queue(&self, id: &str) -> Result<Queue, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Properties {
            queue_name: String,
            visibility_timeout: Option<u32>,
            message_retention_period: Option<u32>,
            delay_seconds: Option<u32>,
            receive_message_wait_time_seconds: Option<u32>,
            redrive_policy: Option<Redrive>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Redrive {
            dead_letter_target_arn: String,
            max_receive_count: u32,
        }
        let properties = self.of_type("AWS::SQS::Queue").find(|(other, _)| *other == id);
        let queue: Properties = read(id, properties.map_or(&Value::Null, |(_, properties)| properties))?;
        let usual = QueueOptions::default();
        let max_receive = match queue.redrive_policy {
            Some(redrive) => {
                let target = self.queue(attribute_of(&redrive.dead_letter_target_arn))?;
                Some((target.name, redrive.max_receive_count))
            }
            None => None,
        };
        let options = QueueOptions {
            visibility_timeout_s: queue.visibility_timeout.unwrap_or(usual.visibility_timeout_s),
            max_receive,
            retention_s: queue.message_retention_period.unwrap_or(usual.retention_s),
            delay_s: queue.delay_seconds.unwrap_or(usual.delay_s),
            receive_wait_s: queue.receive_message_wait_time_seconds.unwrap_or(usual.receive_wait_s),
        };
        Ok(Queue { name: queue.queue_name.replace("${AWS::StackName}", STACK), options })
    }

    fn of_type(&self, kind: &str) -> impl Iterator<Item = (&str, &Value)> {
        let of_kind = move |(_, resource): &(&String, &Value)| resource["Type"] == *kind;
        self.0.iter().filter(of_kind).map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }
}

fn read<T: DeserializeOwned>(what: &str, properties: &Value) -> Result<T, Error> {
    T::deserialize(properties).map_err(|error| format!("template.yaml: {what}: {error}").into())
}

/// The resource of a `!GetAtt Resource.Attribute`.
fn attribute_of(reference: &str) -> &str {
    reference.split('.').next().unwrap_or_default()
}

/// YAML without the tags of intrinsic functions: `!GetAtt A.Arn` is the text `A.Arn`.
fn plain(yaml: serde_yaml_ng::Value) -> Value {
    match yaml {
        serde_yaml_ng::Value::Null => Value::Null,
        serde_yaml_ng::Value::Bool(bool) => bool.into(),
        serde_yaml_ng::Value::Number(number) => serde_json::to_value(number).unwrap_or_default(),
        serde_yaml_ng::Value::String(text) => text.into(),
        serde_yaml_ng::Value::Sequence(values) => values.into_iter().map(plain).collect(),
        serde_yaml_ng::Value::Mapping(entries) => {
            let named =
                |(name, value): (serde_yaml_ng::Value, _)| Some((name.as_str()?.to_owned(), plain(value)));
            Value::Object(entries.into_iter().filter_map(named).collect())
        }
        serde_yaml_ng::Value::Tagged(tagged) => plain(tagged.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_queues_are_read_from_the_template() {
        let template = Template::of_the_project().unwrap();
        let table = template.table().unwrap();
        assert_eq!(table.key_schema[0].attribute_name, "pk");
        assert!(!table.global_secondary_indexes.is_empty());
        let queues = template.queues().unwrap();
        assert!(queues.is_sorted_by_key(|queue| queue.options.max_receive.is_some()));
        for function in ["sms-sender", "message-recorder"] {
            let feed = template.feed(function).unwrap();
            for name in [&feed.queue, &feed.dead_letters] {
                assert!(queues.iter().any(|queue| queue.name == *name), "{name}");
            }
            let queue = queues.iter().find(|queue| queue.name == feed.queue).unwrap();
            assert_eq!(queue.options.visibility_timeout_s, 180);
        }
        assert!(template.gives("sms-sender", "OPT_OUT_HASH_KEY").unwrap());
        assert!(!template.gives("health", "OPT_OUT_HASH_KEY").unwrap());
        assert!(template.feed("health").is_err());
        assert!(template.gives("nothing", "X").is_err());
    }

    /// A new account has ten executions, and Lambda keeps all of them for functions without a reservation.
    #[test]
    fn the_defaults_of_the_template_reserve_no_concurrency() {
        let template = Template::of_the_project().unwrap();
        let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(TEMPLATE).unwrap();
        let parameters = &plain(yaml)["Parameters"];
        for (id, properties) in template.of_type("AWS::Serverless::Function") {
            match &properties["ReservedConcurrentExecutions"] {
                Value::Null => {}
                Value::Array(choice) => {
                    let parameter = choice[1].as_str().unwrap();
                    assert_eq!(parameters[parameter]["Default"], 0, "{id}");
                }
                always => panic!("{id} reserves {always}"),
            }
        }
        let asked = parameters.as_object().unwrap().iter().filter(|(_, one)| one.get("Default").is_none());
        assert_eq!(asked.count(), 0, "every parameter has a default");
    }
}
