"""The items of a conversation, in order, by id."""

from __future__ import annotations

from collections.abc import Iterator

from .items import CallItem, Item


class History:
    """Items oldest first. Ids are unique; the caller checks before it adds."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._items: dict[str, Item] = {}

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def __iter__(self) -> Iterator[Item]:
        return (self._items[item_id] for item_id in self._order)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def last_id(self) -> str | None:
        """Id of the newest item, None when empty."""
        return self._order[-1] if self._order else None

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def previous(self, item_id: str) -> str | None:
        """Id of the item before `item_id`, None for the first."""
        index = self._order.index(item_id)
        return self._order[index - 1] if index else None

    def add(self, item: Item, after: str | None = None) -> None:
        """Put `item` at the end, or after the item `after`, or in front where it is "root"."""
        if after is None:
            index = len(self._order)
        elif after == "root":
            index = 0
        else:
            index = self._order.index(after) + 1
        self._order.insert(index, item.id)
        self._items[item.id] = item

    def replace(self, item: Item) -> None:
        """Put a newer version of an item in its place; one that was deleted stays away."""
        if item.id in self._items:
            self._items[item.id] = item

    def remove(self, item_id: str) -> None:
        self._order.remove(item_id)
        del self._items[item_id]

    def call(self, call_id: str) -> CallItem | None:
        """The function call with this call_id."""
        calls = (item for item in self if isinstance(item, CallItem))
        return next((call for call in calls if call.call_id == call_id), None)
