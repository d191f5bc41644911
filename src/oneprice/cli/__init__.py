"""The `oneprice` command. Each command is a module here, which `main` loads when it is called."""
