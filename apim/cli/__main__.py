"""`python -m apim.cli`: the apim command where it is not installed as one."""

from apim.cli.main import main

main()
