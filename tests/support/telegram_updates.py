"""Updates of every kind we care about, as Telegram sends them. Names, numbers and texts in here are invented."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

EPOCH = 1_767_225_600
"""The date of every update, 2026-01-01 00:00 UTC, so that cases can state it."""

BOT = {"id": 123456789, "is_bot": True, "first_name": "Ruta Segura", "username": "RutaSeguraBot"}
"""The bot itself, as it appears in answers and updates."""


@dataclass
class Updates:
    """Builds updates as Telegram sends them, from one person to the bot, numbered in the order they are made."""

    chat_id: int = 5550001
    language_code: str = "es"
    next_id: int = 900_001

    def text(self, text: str) -> dict[str, Any]:
        """A typed text; one that begins with a slash carries the entity that Telegram adds."""
        content: dict[str, Any] = {"text": text}
        if command := re.match(r"/\w+", text):
            content["entities"] = [{"offset": 0, "length": command.end(), "type": "bot_command"}]
        return self.message(**content)

    def tap(self, token: str, *, query_id: str = "77001", chat_type: str = "private") -> dict[str, Any]:
        """A tap on a button that carries the token."""
        sender = {"id": 123456789, "is_bot": True, "first_name": "Ruta Segura", "username": "RutaSeguraBot"}
        message = {"message_id": 1000, "from": sender, "chat": self._chat(chat_type), "date": EPOCH, "text": "?"}
        query = {"id": query_id, "from": self._person(), "message": message, "chat_instance": "88001", "data": token}
        return self._update("callback_query", query)

    def location(self, latitude: float = -2.9, longitude: float = -79.0) -> dict[str, Any]:
        """A shared position."""
        return self.message(location={"latitude": latitude, "longitude": longitude})

    def photo(self, caption: str = "") -> dict[str, Any]:
        """A photo in two sizes."""
        sizes = [{**_file("photo-s"), "width": 90, "height": 67}, {**_file("photo-m"), "width": 320, "height": 240}]
        return self.message(photo=sizes, **({"caption": caption} if caption else {}))

    def voice(self) -> dict[str, Any]:
        """A voice message of three seconds."""
        return self.message(voice={**_file("voice"), "duration": 3, "mime_type": "audio/ogg"})

    def video(self) -> dict[str, Any]:
        """A video."""
        return self.message(video={**_file("video"), "width": 320, "height": 240, "duration": 4, "mime_type": "video/mp4"})

    def animation(self) -> dict[str, Any]:
        """An animation, which comes with itself as a document."""
        moving = {**_file("animation"), "width": 320, "height": 240, "duration": 2, "mime_type": "video/mp4"}
        return self.message(animation=moving, document={**_file("animation"), "mime_type": "video/mp4"})

    def document(self, caption: str = "") -> dict[str, Any]:
        """A file."""
        paper = {**_file("document"), "file_name": "solicitud.pdf", "mime_type": "application/pdf"}
        return self.message(document=paper, **({"caption": caption} if caption else {}))

    def sticker(self) -> dict[str, Any]:
        """A sticker."""
        shape = {"width": 512, "height": 512, "is_animated": False, "is_video": False, "type": "regular", "emoji": "👍"}
        return self.message(sticker={**_file("sticker"), **shape})

    def contact(self) -> dict[str, Any]:
        """A card from the address book."""
        return self.message(contact={"phone_number": "+593000000000", "first_name": "Inventada"})

    def dice(self) -> dict[str, Any]:
        """A kind of message that we cannot read."""
        return self.message(dice={"emoji": "🎲", "value": 4})

    def future(self) -> dict[str, Any]:
        """A kind of message that does not exist yet."""
        return self.message(hologram={"file_id": "hologram-1"})

    def pinned(self) -> dict[str, Any]:
        """A notice of the application; nobody said anything."""
        pinned = {"message_id": 7, "chat": self._chat("private"), "date": EPOCH, "text": "x"}
        return self.message(pinned_message=pinned)

    def edited(self, text: str) -> dict[str, Any]:
        """An earlier message with a new text."""
        return self._update("edited_message", self._message({"text": text, "edit_date": EPOCH + 60}))

    def moved(self) -> dict[str, Any]:
        """A live location that moved on."""
        place = {"latitude": -2.9, "longitude": -79.0, "live_period": 900}
        return self._update("edited_message", self._message({"location": place, "edit_date": EPOCH + 60}))

    def group(self, text: str = "/start@RutaSeguraBot", *, chat_type: str = "supergroup") -> dict[str, Any]:
        """A message in a group that the bot was added to."""
        return self._update("message", self._message({"text": text}, chat_type))

    def group_left(self) -> dict[str, Any]:
        """The bot was removed from a group."""
        gone = {"id": 123456789, "is_bot": True, "first_name": "Ruta Segura"}
        return self._update("message", self._message({"left_chat_member": gone}, "supergroup"))

    def channel_post(self) -> dict[str, Any]:
        """A post in a channel where the bot is a member."""
        chat = {"id": -1005550002, "title": "Un canal", "type": "channel"}
        return self._update("channel_post", {"message_id": 3, "sender_chat": chat, "chat": chat, "date": EPOCH, "text": "hola"})

    def blocked(self) -> dict[str, Any]:
        """The person has blocked the bot."""
        return self._membership("member", "kicked")

    def unblocked(self) -> dict[str, Any]:
        """The person has let the bot in again."""
        return self._membership("kicked", "member")

    def reaction(self) -> dict[str, Any]:
        """The person has put a heart under a message."""
        heart = {"type": "emoji", "emoji": "❤"}
        change = {"chat": self._chat("private"), "message_id": 1000, "user": self._person(), "date": EPOCH}
        return self._update("message_reaction", {**change, "old_reaction": [], "new_reaction": [heart]})

    def message(self, **content: Any) -> dict[str, Any]:
        """A message in the private chat with any content."""
        return self._update("message", self._message(content))

    def _membership(self, before: str, after: str) -> dict[str, Any]:
        bot = {"id": 123456789, "is_bot": True, "first_name": "Ruta Segura", "username": "RutaSeguraBot"}
        states = [
            {"user": bot, "status": status, **({"until_date": 0} if status == "kicked" else {})} for status in (before, after)
        ]
        change = {"chat": self._chat("private"), "from": self._person(), "date": EPOCH}
        return self._update("my_chat_member", {**change, "old_chat_member": states[0], "new_chat_member": states[1]})

    def _update(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        update_id, self.next_id = self.next_id, self.next_id + 1
        return {"update_id": update_id, kind: content}

    def _message(self, content: dict[str, Any], chat_type: str = "private") -> dict[str, Any]:
        basis = {
            "message_id": self.next_id - 900_000,
            "from": self._person(),
            "chat": self._chat(chat_type),
            "date": EPOCH,
        }
        return {**basis, **content}

    def _person(self) -> dict[str, Any]:
        return {"id": self.chat_id, "is_bot": False, "first_name": "Ana", "language_code": self.language_code}

    def _chat(self, chat_type: str) -> dict[str, Any]:
        if chat_type == "private":
            return {"id": self.chat_id, "first_name": "Ana", "type": "private"}
        return {"id": -1005550003, "title": "Un grupo", "type": chat_type}


def _file(name: str) -> dict[str, Any]:
    return {"file_id": f"{name}-file", "file_unique_id": f"{name}-unique", "file_size": 1234}
