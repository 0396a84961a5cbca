"""Plots over a long time: few points are drawn, and none that matters is left out."""

import random

from pypisync.web.browse import drawing


def test_of_many_points_the_peaks_are_drawn() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    points = [(float(at), draw.uniform(1, 50)) for at in range(5000)]
    peak = draw.randrange(1, 4999)
    points[peak] = (float(peak), 100.0)
    plot = drawing.plot(points, steps=False)
    assert plot is not None
    assert plot.line.count("L") <= 2 * 320
    assert (plot.first, plot.last, plot.most) == (0, 4999, 100)
    assert (plot.newest, plot.count) == (points[-1][1], 5000)
    heights = [float(point.split()[1]) for point in plot.line[1:].split("L")]
    assert heights.count(min(heights)) == 1  # the peak, which is at the top
    few = drawing.plot(points[:100], steps=False)
    assert few is not None
    assert few.line.count("L") == 99
