# Shortcuts. Nothing needs just: each of these is one line to type.

# lists the recipes
_list:
    @just --list --unsorted

# all of omega on this machine
run *arguments:
    cargo run -- {{arguments}}

# all tests, or those whose name holds a word
test *arguments:
    cargo test {{arguments}}

# one crate: lints, then its own tests (just crate store)
crate name:
    cargo clippy -p {{name}} --all-targets -- -D warnings
    cargo test -p {{name}}

# one test of a crate, or all whose name holds a word (just one domain segments)
one crate name *arguments:
    cargo test -p {{crate}} {{name}} {{arguments}}

# feature tests of one module, or one of them (just it inbound::)
it name *arguments:
    cargo test -p tests --test it -- {{name}} {{arguments}}

# one function in an emulated Lambda, beside `just run --env-file target/omega.env` (just function sms)
function name *arguments:
    cargo lambda watch --invoke-address 127.0.0.1 --env-file target/omega.env -p {{name}} {{arguments}}

# formats everything
fmt:
    cargo fmt --all

# documents and data that are made from the code
generate:
    UPDATE_DOCS=1 cargo test -p domain documentation_lists
    UPDATE_TOUR=1 cargo test -p local --test runner tour
    UPDATE_PREPARED=1 cargo test -p local prepared

# what a change has to pass
check:
    .ci/run

# every function in release mode, weighed
release:
    .ci/release

# template.yaml and infra/
lint-template:
    .ci/lint-template

# what is deployed
build stage="default":
    sam build --config-env {{stage}}

# builds and deploys a stage of samconfig.toml
deploy stage="default": (build stage)
    sam deploy --config-env {{stage}}

# how much one machine carries
bench *arguments:
    cargo run --profile bench-fast -p bench -- {{arguments}}
