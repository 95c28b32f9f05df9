"""The ways to reach people. One folder each behind the contract in `channels.base`; none imports another."""
