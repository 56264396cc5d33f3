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

# formats everything
fmt:
    cargo fmt --all

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
