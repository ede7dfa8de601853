"""What owners offer: APIs, versions, revisions, and the contracts behind them."""
