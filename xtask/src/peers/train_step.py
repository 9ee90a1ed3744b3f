#!/usr/bin/env python3
"""A PyTorch sandwich step of the demo's search space, as a researcher would write it: the peer of `nestling bench`.

Eager PyTorch, channels-last, weights sliced per child, batch statistics, hard-swish, one backward per child.
Prints images per CPU-second of a biggest-only step and of a whole sandwich step: forward, backward, SGD update.
"""

import argparse
import json
import random
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

STEM = (12, 16)
STAGES = [  # widths, depths, kernels, expand, stride
    ((12, 16), (1, 2), (3,), 2, 1),
    ((24, 28, 32), (1, 2), (3, 5), 4, 2),
    ((40, 52, 64), (1, 2, 3), (3, 5), 4, 2),
]
HEAD, CLASSES, SIZES = (160, 208), 10, (20, 24, 28)


class SlicedConv(nn.Module):
    def __init__(self, cin, cout, k, stride=1, depthwise=False):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(cout, 1 if depthwise else cin, k, k))
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        self.gamma, self.beta = nn.Parameter(torch.ones(cout)), nn.Parameter(torch.zeros(cout))
        self.k, self.stride, self.depthwise = k, stride, depthwise

    def forward(self, x, cout, k=None):
        k = k or self.k
        cut = (self.k - k) // 2
        w = self.weight[:cout, : (1 if self.depthwise else x.shape[1]), cut:self.k - cut, cut:self.k - cut]
        x = F.conv2d(x, w, stride=self.stride, padding=k // 2, groups=x.shape[1] if self.depthwise else 1)
        return F.batch_norm(x, None, None, self.gamma[:cout], self.beta[:cout], training=True)


class Block(nn.Module):
    def __init__(self, cin, cout, k, expand, stride):
        super().__init__()
        mid = cin * expand
        self.expand, self.filter, self.project = SlicedConv(cin, mid, 1), SlicedConv(mid, mid, k, stride, True), SlicedConv(mid, cout, 1)
        self.ratio, self.stride = expand, stride

    def forward(self, x, width, k, residual):
        mid = x.shape[1] * self.ratio
        y = F.hardswish(self.expand(x, mid))
        y = F.hardswish(self.filter(y, mid, k))
        y = self.project(y, width)
        return x + y if residual else y


class Supernet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = SlicedConv(1, STEM[-1], 3, 2)
        self.stages, cin = nn.ModuleList(), STEM[-1]
        for widths, depths, kernels, expand, stride in STAGES:
            blocks = nn.ModuleList()
            for i in range(depths[-1]):
                blocks.append(Block(cin, widths[-1], kernels[-1], expand, stride if i == 0 else 1))
                cin = widths[-1]
            self.stages.append(blocks)
        self.head = SlicedConv(cin, HEAD[-1], 1)
        self.classifier = nn.Linear(HEAD[-1], CLASSES)

    def forward(self, x, child):
        x = F.interpolate(x, size=child["r"], mode="bilinear", antialias=False, align_corners=False)
        x = F.hardswish(self.stem(x, child["stem"])).contiguous(memory_format=torch.channels_last)
        for blocks, (w, d, k) in zip(self.stages, child["stages"]):
            for i in range(d):
                x = blocks[i](x, w, k, residual=i > 0)
        x = F.hardswish(self.head(x, child["head"])).mean((2, 3))
        return F.linear(x, self.classifier.weight[:, : x.shape[1]], self.classifier.bias)


def pick(how):
    return {"r": how(SIZES), "stem": how(STEM), "head": how(HEAD), "stages": [(how(w), how(d), how(k)) for w, d, k, _, _ in STAGES]}


def step(net, optimiser, images, labels, sandwich):
    optimiser.zero_grad()
    logits = net(images, pick(lambda choices: choices[-1]))
    F.cross_entropy(logits, labels, label_smoothing=0.1).backward()
    if sandwich:
        soft = logits.detach().softmax(1)
        for child in (pick(random.choice), pick(random.choice), pick(lambda choices: choices[0])):
            (-(soft * net(images, child).log_softmax(1)).sum(1).mean()).backward()
    optimiser.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("threads", 1), ("batch", 128), ("rounds", 3), ("steps", 12)):
        parser.add_argument("--" + name, type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    random.seed(0)
    net = Supernet()
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    images = torch.randn(arguments.batch, 1, 28, 28)
    labels = torch.randint(0, CLASSES, (arguments.batch,))
    rates = {False: [], True: []}
    for _ in range(arguments.rounds):
        for sandwich in rates:
            step(net, optimiser, images, labels, sandwich)  # warm
            start = time.process_time()
            for _ in range(arguments.steps):
                step(net, optimiser, images, labels, sandwich)
            rates[sandwich].append(arguments.steps * arguments.batch / (time.process_time() - start))
    alone, four = (statistics.median(rates[key]) for key in (False, True))
    print(json.dumps({"peer": "PyTorch " + torch.__version__, "biggest_images_per_cpu_s": alone, "sandwich_images_per_cpu_s": four}))


main()
