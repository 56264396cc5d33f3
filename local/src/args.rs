//! The command line of the runner.

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::Error;

/// The answer to `--help`.
pub const HELP: &str = "\
The whole of omega on this machine, with stand-ins for DynamoDB, SQS, S3, SES and Twilio.

Usage: omega [--port N] [--data DIR] [--ready-file FILE] [--env-file FILE] [--empty]

  --port N           Port of the API on 127.0.0.1, 3000 if not given, any free one if 0. The stand-in for Twilio and
                     the other servers take the ports after it where these are free.
  --data DIR         Keeps table, queues, objects and keys in DIR. Without it all is forgotten at the end.
  --ready-file FILE  Writes addresses and keys as JSON to FILE once everything answers.
  --env-file FILE    Writes the environment variables of every function to FILE, for cargo lambda watch --env-file.
  --empty            Leaves the inbox of the demo business empty. Otherwise it has some 200 conversations.
  -h, --help         Prints this.

Environment:
  DYNAMODB_ENDPOINT  A DynamoDB to use instead of the embedded one, such as http://127.0.0.1:8000. It gets a new table
                     at every start. Not together with --data.
  To send real texts, set all of
  TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN
                     The account.
  PUBLIC_BASE_URL    The origin at which Twilio reaches this API: that of a tunnel to --port.
  and, where they are needed,
  TWILIO_AUTH_TOKEN_SECONDARY
                     The token that is to replace the other.
  TWILIO_API_URL     Twilio's API, if not https://api.twilio.com.
  FALLBACK_BASE_URL  The origin at which Twilio reaches the fallback.

The log goes to the standard error stream, one JSON object a line. Ctrl-C stops.
";

/// What the command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    /// The port of the API.
    pub port: u16,
    /// Where to keep what is to outlive the runner.
    pub data: Option<PathBuf>,
    /// What to write once everything answers.
    pub ready_file: Option<PathBuf>,
    /// Where to write what functions find in their environment.
    pub env_file: Option<PathBuf>,
    /// Nothing is to have happened in the demo business.
    pub empty: bool,
    /// Only the help is asked for.
    pub help: bool,
}

impl Args {
    /// Of this process.
    ///
    /// # Errors
    /// Says which argument is wrong.
    pub fn from_env() -> Result<Args, Error> {
        Args::read(lexopt::Parser::from_env())
    }

    fn read(mut parser: lexopt::Parser) -> Result<Args, Error> {
        let mut args = Args { port: 3000, ..Args::default() };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("port") => args.port = parser.value()?.parse()?,
                Long("data") => args.data = Some(parser.value()?.into()),
                Long("ready-file") => args.ready_file = Some(parser.value()?.into()),
                Long("env-file") => args.env_file = Some(parser.value()?.into()),
                Long("empty") => args.empty = true,
                Short('h') | Long("help") => args.help = true,
                Short(_) | Long(_) | Value(_) => return Err(argument.unexpected().into()),
            }
        }
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Args, Error> {
        Args::read(lexopt::Parser::from_args(args))
    }

    #[test]
    fn all_is_optional() {
        let none = Args { port: 3000, ..Args::default() };
        assert_eq!(read(&[]).unwrap(), none);
        let args = read(&["--port", "0", "--data=there", "--ready-file", "r.json", "--empty"]).unwrap();
        assert_eq!((args.port, args.data.unwrap(), args.empty), (0, PathBuf::from("there"), true));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for args in [&["--port", "70000"][..], &["--colour"], &["file"], &["--data"]] {
            assert!(read(args).is_err(), "{args:?}");
        }
    }
}
