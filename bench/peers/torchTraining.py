"""StyleGAN2's training step in PyTorch, in the forms that the official code takes on a CPU: modulation as a scaling of
the activations around convolutions with shared weights, resampling as depthwise convolutions, four lazily regularised
phases, Adam, a moving average. Written from the papers and the conventions of this repository; parameters are named as
in checkpoints.

Reads requests, one JSON object a line, from standard input and answers each with a line:

  {"kind": "load", "file": PATH, "geometry": {...}, "batch": 16, "threads": 1, ...}  weights and inputs in safetensors
  {"kind": "check"}                images, logits, losses and gradients of fixed inputs
  {"kind": "run", "steps": 4}      milliseconds of every phase of some steps, lazy phases in the first
  {"kind": "load images", "file": PATH, "resolution": 256, "ws": PATH, "shape": [...], "threads": 1}  a generator, and its input
  {"kind": "images", "into": PATH} milliseconds of a batch; its numbers in a file, where one is named
  {"kind": "stats"}                peak memory
"""
import json
import math
import os
import resource
import sys
import time

import torch
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear, softplus

PHASES = ("Gmain", "Greg", "Dmain", "Dreg")
EVERY = {"G": 4, "D": 16}
BINOMIAL = torch.tensor([1.0, 3.0, 3.0, 1.0])
FIR = torch.outer(BINOMIAL, BINOMIAL)[None, None] / 64


def lrelu(x, gain=math.sqrt(2)):
    return leaky_relu(x, 0.2) * gain


def dense(p, name, x, lr_multiplier=1.0):
    weight, bias = p[name + ".weight"], p[name + ".bias"]
    weight = weight * (lr_multiplier / math.sqrt(weight.shape[1]))
    return linear(x, weight, bias * lr_multiplier if lr_multiplier != 1 else bias)


def smooth(x, padding, stride=1, gain=1.0):
    channels = x.shape[1]
    return conv2d(x, (FIR * gain).expand(channels, 1, 4, 4), stride=stride, padding=padding, groups=channels)


def up_image(x):
    """[N, C, H, W] -> [N, C, 2H, 2W]"""
    channels = x.shape[1]
    return conv_transpose2d(x, (FIR * 4).expand(channels, 1, 4, 4), stride=2, padding=1, groups=channels)


def mapping(p, z, layers):
    x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for k in range(layers):
        x = lrelu(dense(p, f"mapping.fc{k}", x, 0.01))
    return x


def modulated(p, name, x, w, up=False):
    """Scale the input by the styles, convolve with the shared weights, scale the output by the demodulation."""
    weight = p[name + ".weight"]
    styles = dense(p, name + ".affine", w)
    demodulation = (styles.square() @ weight.square().sum([2, 3]).t() + 1e-8).rsqrt()
    x = x * styles[:, :, None, None]
    if up:
        x = smooth(conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1, gain=4)
    else:
        x = conv2d(x, weight, padding=1)
    return x * demodulation[:, :, None, None]


def styled_layer(p, name, x, w, noise, up=False):
    x = modulated(p, name, x, w, up)
    map_ = p[name + ".noise_const"] if noise == "const" else torch.randn(x.shape[0], 1, *x.shape[2:])
    x = x + map_ * p[name + ".noise_strength"]
    return lrelu(x + p[name + ".bias"][:, None, None])


def to_rgb(p, name, x, w):
    weight = p[name + ".weight"]
    styles = dense(p, name + ".affine", w) / math.sqrt(weight.shape[1])
    return conv2d(x * styles[:, :, None, None], weight) + p[name + ".bias"][:, None, None]


def synthesis(p, ws, resolution, noise="random"):
    """ws [N, L, W] -> images [N, 3, R, R]"""
    ws = ws.unbind(1)
    x = p["synthesis.b4.const"].expand(len(ws[0]), -1, -1, -1)
    x = styled_layer(p, "synthesis.b4.conv1", x, ws[0], noise)
    image = to_rgb(p, "synthesis.b4.torgb", x, ws[1])
    side, k = 8, 1
    while side <= resolution:
        block = f"synthesis.b{side}."
        x = styled_layer(p, block + "conv0", x, ws[k], noise, up=True)
        x = styled_layer(p, block + "conv1", x, ws[k + 1], noise)
        image = up_image(image) + to_rgb(p, block + "torgb", x, ws[k + 2])
        side, k = side * 2, k + 2
    return image


def plain_layer(p, name, x, padding=0, stride=1, gain=math.sqrt(2), activate=True):
    weight = p[name + ".weight"]
    x = conv2d(x, weight * (1 / math.sqrt(weight[0].numel())), padding=padding, stride=stride)
    if not activate:
        return x * gain
    return lrelu(x + p[name + ".bias"][:, None, None], gain)


def minibatch_deviation(x, group=4):
    n, c, h, w = x.shape
    group = min(group, n)
    y = x.reshape(group, n // group, c, h, w)
    y = (y - y.mean(0)).square().mean(0)
    y = (y + 1e-8).sqrt().mean([1, 2, 3])
    return torch.cat([x, y.reshape(-1, 1, 1, 1).repeat(group, 1, h, w)], 1)


def discriminator(p, image, resolution):
    """images [N, 3, R, R] -> logits [N, 1]"""
    x = plain_layer(p, f"b{resolution}.fromrgb", image)
    side = resolution
    while side > 4:
        block = f"b{side}."
        skip = plain_layer(p, block + "skip", smooth(x, 1, stride=2), gain=math.sqrt(0.5), activate=False)
        x = plain_layer(p, block + "conv0", x, padding=1)
        x = plain_layer(p, block + "conv1", smooth(x, 2), stride=2, gain=1) + skip
        side //= 2
    x = plain_layer(p, "b4.conv", minibatch_deviation(x), padding=1)
    x = lrelu(dense(p, "b4.fc", x.flatten(1)))
    return dense(p, "b4.out", x)


class Training:
    """Weights, optimisers, the average: what one run of training remembers."""

    def __init__(self, task, tensors):
        self.task = task
        self.resolution = task["geometry"]["resolution"]
        self.layers = task["geometry"]["mappingLayers"]
        self.num_ws = 2 * int(math.log2(self.resolution)) - 2
        self.inputs = tensors.pop("inputs")
        self.networks = {name[0].upper(): values for name, values in tensors.items()}
        buffers = ("noise_const", "w_avg")
        self.trainable = {
            name: [value for key, value in p.items() if not key.endswith(buffers)] for name, p in self.networks.items()
        }
        self.average = {name: value.clone() for name, value in self.networks["G"].items()}
        self.optimizers = {}
        for name, every in EVERY.items():
            ratio = every / (every + 1)
            rates = {"lr": 0.002 * ratio, "betas": (0.0, 0.99**ratio), "eps": 1e-8}
            self.optimizers[name] = torch.optim.Adam(self.trainable[name], **rates)
        self.path_length = torch.zeros([])

    def latents(self, z, mixing=None, track=True):
        p = self.networks["G"]
        w = mapping(p, z, self.layers)
        if track:
            p["mapping.w_avg"].copy_(w.detach().mean(0).lerp(p["mapping.w_avg"], 0.995))
        ws = w[:, None].expand(-1, self.num_ws, -1)
        if mixing is None:
            return ws
        other, cutoff = mixing
        others = mapping(p, other, self.layers)[:, None].expand(-1, self.num_ws - cutoff, -1)
        return torch.cat([ws[:, :cutoff], others], 1)

    def draw(self, n):
        z_dim = self.task["geometry"]["zDim"]
        z = torch.randn(n, z_dim)
        if torch.rand([]).item() >= 0.9:
            return z, None
        return z, (torch.randn(n, z_dim), int(torch.randint(1, self.num_ws, [])))

    def loss(self, phase, real, noise="random", fixed=None):
        """The loss of a phase. Draws of its own unless they are fixed: (z, mixing), noise of the path length."""
        G, D, R = self.networks["G"], self.networks["D"], self.resolution
        n = len(real) // 2 if phase == "Greg" else len(real)
        if phase == "Dreg":
            real = real.detach().requires_grad_(True)
            logits = discriminator(D, real, R)
            (dx,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
            return dx.square().sum([1, 2, 3]).mean() * (self.task["gamma"] / 2 * EVERY["D"])
        latent, direction = fixed or (self.draw(n), None)
        if phase == "Dmain":
            with torch.no_grad():
                fake = synthesis(G, self.latents(*latent), R, noise)
            return softplus(discriminator(D, fake, R)).mean() + softplus(-discriminator(D, real, R)).mean()
        ws = self.latents(*latent)
        images = synthesis(G, ws, R, noise)
        if phase == "Gmain":
            return softplus(-discriminator(D, images, R)).mean()
        y = (torch.randn_like(images) if direction is None else direction) / R
        (jy,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
        lengths = jy.square().sum(2).mean(1).sqrt()
        average = self.path_length.lerp(lengths.mean(), 0.01)
        self.path_length = average.detach()
        return (lengths - average).square().mean() * (2 * EVERY["G"])

    def gradients(self, phase, *arguments):
        for name, parameters in self.trainable.items():
            for parameter in parameters:
                parameter.requires_grad_(name == phase[0])
        self.optimizers[phase[0]].zero_grad(set_to_none=True)
        loss = self.loss(phase, *arguments)
        loss.backward()
        return loss

    def update(self, name):
        parameters = [p for p in self.trainable[name] if p.grad is not None]
        for p in parameters:
            torch.nan_to_num(p.grad, nan=0, posinf=1e5, neginf=-1e5, out=p.grad)
        self.optimizers[name].step()

    def step(self, real, lazy):
        """Milliseconds of each phase up to its gradients; its update counts with what follows, as in ours."""
        times, mark = {}, time.perf_counter()
        for phase in PHASES:
            if phase.endswith("reg") and not lazy:
                continue
            self.gradients(phase, real)
            now = time.perf_counter()
            times[phase], mark = (now - mark) * 1000, now
            self.update(phase[0])
        beta = 0.5 ** (len(real) / 500)
        with torch.no_grad():
            for name, value in self.networks["G"].items():
                if name.endswith(("noise_const", "w_avg")):
                    self.average[name].copy_(value)
                else:
                    self.average[name].lerp_(value, 1 - beta)
        times["between"] = (time.perf_counter() - mark) * 1000
        return times

    def check(self):
        inputs = self.inputs
        cutoff = self.task["cutoff"]
        n = len(inputs["z"])
        with torch.no_grad():
            images = synthesis(self.networks["G"], self.latents(inputs["z"], track=False), self.resolution, "const")
            logits = discriminator(self.networks["D"], inputs["real"], self.resolution)
        report = {"images": images.flatten().tolist(), "logits": logits.flatten().tolist()}
        report |= {"losses": {}, "gradients": {}}
        for phase in PHASES:
            half = slice(0, n // 2) if phase == "Greg" else slice(0, n)
            latent = inputs["z"][half], (inputs["mixing"][half], cutoff)
            loss = self.gradients(phase, inputs["real"], "const", (latent, inputs["plNoise"]))
            squares = [p.grad.square().sum().item() for p in self.trainable[phase[0]] if p.grad is not None]
            report["losses"][phase] = loss.item()
            report["gradients"][phase] = math.sqrt(sum(squares))
        return report


def read_safetensors(path):
    """{group: {name: tensor}} of names "group.name"."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    groups = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        tensor = torch.frombuffer(data[begin:end], dtype=torch.float32).reshape(entry["shape"])
        group, key = name.split(".", 1)
        groups.setdefault(group, {})[key] = tensor
    return groups


class Images:
    """A generator, to images, as the official code computes them on a CPU."""

    def __init__(self, task):
        self.task = task
        groups = read_safetensors(task["file"])
        self.network = next(values for name, values in groups.items() if "synthesis.b4.const" in values)
        with open(task["ws"], "rb") as file:
            self.ws = torch.frombuffer(bytearray(file.read()), dtype=torch.float32).reshape(task["shape"])

    def run(self, into=None):
        mark = time.perf_counter()
        with torch.inference_mode():
            images = synthesis(self.network, self.ws, self.task["resolution"], "const")
        ms = (time.perf_counter() - mark) * 1000
        if into is not None:
            with open(into, "wb") as file:
                file.write(images.contiguous().numpy().tobytes())
        return ms


def loaded_blas():
    """Which library multiplies matrices: where PyTorch takes the system's, that may be the slow reference one."""
    if not os.path.exists("/proc/self/maps"):
        return "unknown BLAS"
    with open("/proc/self/maps") as maps:
        text = maps.read()
    names = {"openblas-openmp": "OpenBLAS with OpenMP", "openblas": "OpenBLAS", "mkl": "MKL"}
    names["libblas"] = "reference BLAS"
    return next((name for word, name in names.items() if word in text), "BLAS of its own")


def main():
    training = images = None
    for line in sys.stdin:
        request = json.loads(line)
        kind = request["kind"]
        if kind == "load":
            torch.set_num_threads(request["threads"])
            torch.manual_seed(0)
            training = Training(request, read_safetensors(request["file"]))
            counts = {name: sum(p.numel() for p in values) for name, values in training.trainable.items()}
            if list(counts.values()) != request["parameters"]:
                raise ValueError(f"expected {request['parameters']} parameters, got {counts}")
            detail = {"threads": torch.get_num_threads(), "blas": loaded_blas()}
            answer = {"versions": {"pytorch": torch.__version__}, "detail": detail}
        elif kind == "load images":
            torch.set_num_threads(request["threads"])
            images = Images(request)
            detail = {"threads": torch.get_num_threads(), "blas": loaded_blas()}
            answer = {"versions": {"pytorch": torch.__version__}, "detail": detail}
        elif kind == "images":
            answer = {"ms": images.run(request.get("into"))}
        elif kind == "check":
            answer = training.check()
        elif kind == "run":
            real = torch.randn(training.task["batch"], 3, training.resolution, training.resolution)
            answer = {"steps": [training.step(real, lazy=k == 0) for k in range(request["steps"])]}
        else:
            answer = {"peakRssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        print(json.dumps(answer), flush=True)


main()
