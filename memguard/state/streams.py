"""A session's conversation on its way into a snapshot: the main stream, and one of each sub-agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.core.errors import ClientError
from memguard.state.about import NOT_THERE
from memguard.state.conversation import Conversation, empty_conversation, read_conversation
from memguard.state.sealing import Sealing
from memguard.state.source import MAIN, Source, agent_paths
from memguard.state.stream import Stream

if TYPE_CHECKING:
    from memguard.state.cursor import Terms
    from memguard.state.draft import Draft
    from memguard.state.snapshot import TranscriptPart


class Streams:
    """What became of it. `missing` says in words what there is not, or not all of."""

    def __init__(self, draft: Draft, terms: Terms, config: str) -> None:
        self.conversation: Conversation = empty_conversation()
        self.missing: list[str] = []
        self.parts: list[TranscriptPart] = []
        self._draft = draft
        self._terms = terms
        self._config = config  # the client's folder, which every source has to be in
        self._captured: list[Stream] = []

    def capture(self, transcript: str) -> None:
        """Seal what is new of every stream; `parts` is there afterwards. An error of the disk is raised."""
        sealing = Sealing(self._draft)
        try:
            if self._main(transcript, sealing):
                self._agents(transcript, sealing)
        finally:
            sealing.finish()
        self.parts += [stream.part() for stream in self._captured]

    def save_cursors(self) -> None:
        """Once the snapshot is in place."""
        for stream in self._captured:
            stream.save()

    def _main(self, transcript: str, sealing: Sealing) -> bool:
        if not transcript:
            self._not_there("", "the session has no transcript yet")
            return False
        try:
            with Source(MAIN, transcript, self._config) as source:
                stream = self._stream(source, sealing, has_index=True)
                if stream.index:
                    stream.index.finish()
                    self.conversation = read_conversation(source.descriptor, stream.index)
        except ClientError as error:
            self._not_there(transcript, error.what)
            return False
        return True

    def _agents(self, transcript: str, sealing: Sealing) -> None:
        paths, left_out = agent_paths(transcript)
        for name, path in paths.items():
            try:
                with Source(name, path, self._config) as source:
                    self._stream(source, sealing, has_index=False)
            except ClientError as error:
                self.missing.append(f"a sub-agent: {error.what}")
        if left_out:
            self.missing.append(f"{left_out} sub-agents: too many, or named as the client does not name them")

    def _stream(self, source: Source, sealing: Sealing, *, has_index: bool) -> Stream:
        stream = Stream(source, self._draft.stream_folder(source.name), self._terms, has_index)
        stream.capture(source, sealing)
        self.missing += filter(None, [stream.missing])
        self._captured.append(stream)
        return stream

    def _not_there(self, path: str, why: str) -> None:
        self.missing.append(f"{NOT_THERE} {why}")
        self.parts.append({
            "name": MAIN, "path": path, "size_bytes": 0, "redactions": 0, "is_sealed": False, "begun": "",
            "meta": "",
            "segments": [],
        })  # fmt: skip
