"""Run custom actions in this process: the engine believes that it calls a server of actions."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from jsonschema import Validator
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.executor import ActionExecutor

from bot.actions.dialogues import AskQuestion, FinishDialogue, ReadAnswer, StartDialogue, StartSession
from bot.conversations.dialogues.desk import DialogueDesk

logger = logging.getLogger(__name__)


class InProcessActions(EndpointConfig):
    """An endpoint that hands each call to rasa-sdk's executor.

    An action that fails is logged and counts as one that did nothing, so that the form gives way and other rules still answer: in
    the middle of a broken dialogue a cry for help must get its card.
    """

    def __init__(self, desk: DialogueDesk) -> None:
        super().__init__(url="in-process", enable_selective_domain=True)  # The domain is long, and no action reads it.
        logging.getLogger("rasa_sdk").setLevel(logging.WARNING)
        self._executor = ActionExecutor()
        for action in (StartDialogue, ReadAnswer, AskQuestion, FinishDialogue, StartSession):
            self._executor.register_action(action(desk))

    async def request(self, method: str = "post", *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run the action that the call names, and return what a server would."""
        call = kwargs["json"]
        try:
            return await self._executor.run(call) or {"events": [], "responses": []}
        except Exception as error:  # Any fault of an action; see above.
            logger.error("action_failed action=%s code=%s", call.get("next_action"), type(error).__name__)
            return {"events": [], "responses": []}


@lru_cache(maxsize=1)
def _validator() -> Validator:
    schema = RemoteAction.action_response_format_spec()
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def _validate_result(_action: RemoteAction, result: dict[str, Any]) -> bool:
    """Check what an action returned, as the engine does; but the engine checks its own schema each time, which takes 50 ms."""
    fault = best_match(_validator().iter_errors(result))
    if fault is not None:
        raise fault
    return True


RemoteAction._validate_action_result = _validate_result
