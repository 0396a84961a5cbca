"""An upstream that never comes to rest, for a process of its own."""

import random

from tests.sim.world import World

NAMES = [f"p{number}" for number in range(12)]


class Restless(World):
    """A world that is told to change; the same numbers make the same changes."""

    def turn(self, number: int) -> None:
        """Something happens upstream; one in ten requests fails."""
        chance = random.Random(number)
        name, other = chance.sample(NAMES, 2)
        versions = sorted(self.projects[name].releases) if name in self.projects else []
        if len(versions) > 4:
            self.remove_release(name, versions[0])
        elif versions and chance.random() < 0.3:
            if chance.random() < 0.5:
                self.yank(name, versions[-1])
            else:
                self.archive(name)
        else:
            self.publish(
                name,
                f"{number + 2}.0",
                requires=[other] if chance.random() < 0.7 else [],
                metadata=chance.random() < 0.8,
            )
        self.faults.random(number, 0.1)

    def rest(self) -> None:
        """Let all requests be answered."""
        self.faults.random(0, 0)
        self.heal()


def restless() -> World:
    """The world at its beginning."""
    world = Restless()
    for name in NAMES:
        world.publish(name, "1.0")
    return world
