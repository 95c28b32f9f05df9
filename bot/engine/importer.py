"""Make the engine's training data from the project's folders.

Intents, one response key and one rule for each topic come from the catalogue `content/topics.yml`; examples from
`intents/nlu/<locale>/`; slots, further responses and hand-written rules and stories from `intents/`. A topic with a
hand-written rule gets no generated one; one with a guided dialogue in `content/dialogues/` gets the rule that starts it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from rasa.shared.core.domain import Domain
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.shared.importers import utils
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.shared.nlu.training_data.loading import load_data
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa.shared.utils.common import cached_method
from rasa.shared.utils.io import read_model_configuration

from bot.content.loader import dialogue_files, load_catalogue
from bot.content.model import CatalogueTopic
from bot.i18n import LOCALES

DIALOGUE_FORM = "dialogue_form"
"""The one form of all guided dialogues, in `intents/domain/dialogues.yml`."""
FALLBACK_RULE = {"rule": "not sure", "steps": [{"intent": "nlu_fallback"}, {"action": "utter_not_sure"}]}


class _Example(Message):
    """An example that is cheap to copy and to compare: in one training the engine does both to all of them ten times."""

    def __deepcopy__(self, memo: Dict[int, Any]) -> _Example:
        copied = _Example(self.data, set(self.output_properties), self.time, list(self.features))
        copied._cached_fingerprint = self._cached_fingerprint
        return copied

    def set(self, prop: str, info: Any, add_to_output: bool = False) -> None:
        """Set a property; one that stays as it is keeps the fingerprint."""
        if add_to_output or self.data.get(prop) != info:
            super().set(prop, info, add_to_output)


class ContentImporter(TrainingDataImporter):
    """Reads the project's folders beside the configuration file; the paths that the command line gives are not needed."""

    def __init__(
        self,
        config_file: Optional[str] = None,
        domain_path: Optional[str] = None,
        training_data_paths: Optional[Union[List[str], str]] = None,
        **kwargs: Any,
    ) -> None:
        self._config_file = config_file
        self._root = Path(config_file or "config.yml").resolve().parent
        self._catalogue = load_catalogue(self._root / "content")
        self._dialogues = frozenset(path.stem for path in dialogue_files(self._root / "content"))
        self._examples: Optional[List[Message]] = None

    def get_config(self) -> Dict[str, Any]:
        """Return the model configuration, with the catalogue's urgent topics handed to the decision."""
        config: Dict[str, Any] = read_model_configuration(self._config_file or str(self._root / "config.yml"))
        for component in config.get("pipeline") or []:
            if component["name"].endswith("DecisionMaker"):
                component["urgent"] = [topic.id for topic in self._catalogue.values() if topic.is_urgent]
        return config

    def get_config_file_for_auto_config(self) -> Optional[str]:
        """Return the configuration file."""
        return self._config_file

    @cached_method
    def get_domain(self) -> Domain:
        """Return the hand-written domain with an intent, a response key and a mapping for each topic."""
        written = Domain.from_directory(str(self._root / "intents" / "domain")).as_dict()
        topics = list(self._catalogue.values())
        written["intents"] = [topic.id for topic in topics]
        responses = written.setdefault("responses", {})
        for topic in (topic for topic in topics if topic.id not in self._dialogues):
            responses.setdefault(f"utter_{topic.id}", [{"text": f"content/{topic.family}/{topic.id}"}])
        written["slots"]["topic"]["mappings"] = [
            {"type": "from_entity", "entity": "topic"},
            *({"type": "from_intent", "intent": topic.id, "value": topic.id} for topic in topics if _is_answer(topic)),
        ]
        return Domain.from_dict(written)

    def get_stories(self, exclusion_percentage: Optional[int] = None) -> StoryGraph:
        """Return the hand-written rules and stories and the generated rules."""
        folders = [self._root / "intents" / name for name in ("rules", "stories")]
        files = [str(path) for folder in folders for path in sorted(folder.glob("*.yml"))]
        written = utils.story_graph_from_paths(files, self.get_domain(), exclusion_percentage)
        rules = [self._rule(topic) for topic in self._catalogue.values() if not self._has_rule(topic, files)]
        reader = YAMLStoryReader(self.get_domain())
        return written.merge(StoryGraph(reader.read_from_parsed_yaml({"version": "3.1", "rules": [*rules, FALLBACK_RULE]})))

    def get_conversation_tests(self) -> StoryGraph:
        """Return the dialogue tests."""
        files = [str(path) for path in sorted((self._root / "tests" / "dialogue").glob("test_*.yml"))]
        return utils.story_graph_from_paths(files, self.get_domain())

    def get_nlu_data(self, language: Optional[str] = "es") -> TrainingData:
        """Return the examples of all locales; each carries its locale as metadata."""
        if self._examples is None:  # Kept here: the engine asks with several languages, which mean nothing to us.
            files = [(locale, path) for locale in LOCALES for path in sorted(self._nlu_folder(locale).glob("*.yml"))]
            self._examples = [
                _Example({**example.data, "metadata": {"locale": locale}})
                for locale, path in files
                for example in load_data(str(path), locale).training_examples
            ]
        return TrainingData(self._examples)

    def _nlu_folder(self, locale: str) -> Path:
        return self._root / "intents" / "nlu" / locale

    def _rule(self, topic: CatalogueTopic) -> Dict[str, Any]:
        if topic.id in self._dialogues:
            form = [{"action": "action_start_dialogue"}, {"action": DIALOGUE_FORM}, {"active_loop": DIALOGUE_FORM}]
            return {"rule": topic.id, "steps": [{"intent": topic.id}, *form]}
        return {"rule": topic.id, "steps": [{"intent": topic.id}, {"action": f"utter_{topic.id}"}]}

    @staticmethod
    def _has_rule(topic: CatalogueTopic, files: List[str]) -> bool:
        return any(f"- intent: {topic.id}\n" in Path(path).read_text(encoding="utf-8") for path in files)


def _is_answer(topic: CatalogueTopic) -> bool:
    return topic.kind.value == "answer"
