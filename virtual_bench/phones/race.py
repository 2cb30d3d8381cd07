"""Waiting for whichever of several things happens first."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def first_of(**coroutines: Coroutine[Any, Any, Any]) -> tuple[str, Any]:
    """Run all, cancel the others once one has ended; its name and its result. Raises what it raised."""
    tasks = {asyncio.create_task(coroutine): name for name, coroutine in coroutines.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    winner = next(task for task in tasks if task in done)
    return tasks[winner], winner.result()
