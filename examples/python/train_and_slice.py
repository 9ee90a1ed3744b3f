# %% [markdown]
# # Train, slice and plot
#
# One supernet is trained on Fashion-MNIST, searched and packed. Then this machine's GPU is measured, a child network is
# sliced for each of three budgets, and the Pareto front is drawn. The quick form takes some minutes on two cores.
#
# Open this file in Jupyter (with Jupytext), VS Code or Spyder, whose cells begin with `# %%`, or run it as a program.
# It needs Matplotlib, the wheels of the package and of the trainer, PyTorch, and the files of Fashion-MNIST: the section
# "Train" of `docs/python.md` has the commands. With a bundle in the variable NESTLING_PAGE_BUNDLE nothing is trained, and
# neither the trainer nor torch is needed.

# %%
import os
import pathlib
import subprocess
import sys

import matplotlib.pyplot as plt

import nestling

EPOCHS = 1
DATA = os.environ.get("NESTLING_PAGE_DATA")  # None: the folder of the system's package of Fashion-MNIST
given = os.environ.get("NESTLING_PAGE_BUNDLE")

# %% [markdown]
# ## Train
#
# Each step is a command of the trainer. A run that was killed continues where it stopped.

# %%
def trainer(*arguments):
    """Runs the program `nestling` beside this Python."""
    program = pathlib.Path(sys.executable).with_name("nestling")
    subprocess.run([str(program), *map(str, arguments)], check=True)


run, pictures = pathlib.Path("page-run"), pathlib.Path("page-pictures")
if given:
    print("the bundle was given: nothing is trained")
    bundle_path, picture = pathlib.Path(given), pathlib.Path(given).with_name("coat.png")
else:
    data = ["--data", DATA] if DATA else []
    trainer("train", "--run", run, "--epochs", EPOCHS, *data)
    few = ["--coarse", 54, "--fine", 4, "--random", 12, "--random-held-out", 6, "--children", 5, "--calibration", 500]
    trainer("search", "--run", run, *few)
    bundle_path = pathlib.Path("page.nestling")
    trainer("pack", "--run", run, "--output", bundle_path, "--replace")
    trainer("images", "--output", pictures, *data)
    picture = pictures / "coat.png"

bundle = nestling.Bundle.open(bundle_path)
bundle

# %% [markdown]
# ## Measure this device
#
# The profile is kept in a file: the next run of this cell reads it.

# %%
runtime = nestling.Runtime(bundle)
is_new = runtime.profile("page.profile.json", progress=lambda fraction, phase: print(f"\r{fraction:4.0%} {phase}", end=""))
print("\nmeasured" if is_new else "read from the file")
runtime

# %% [markdown]
# ## Slice
#
# Each budget gets the most accurate child that keeps it on this device, as measured now.

# %%
choices = []
for budget in runtime.typical_budgets(3, quantile=50):
    try:
        choice = runtime.choose(budget, quantile=50)
    except nestling.Error as error:
        # Other programs may have become busy since the profile was measured.
        if error.code != "below_fastest":
            raise
        choice = runtime.choose(2 * error.needed_ms, quantile=50)
    choices.append(choice)
    print(f"{choice.budget_ms:6.2f} ms  {choice}")
    print("          ", runtime.classify(picture, top=3))

# %% [markdown]
# ## Plot the Pareto front

# %%
figure, axes = plt.subplots(figsize=(7, 4.5))
front = sorted(runtime.children, key=lambda child: child.predicted_ms)
axes.plot([child.predicted_ms for child in front], [child.accuracy for child in front], "o-", label="children, predicted")
for choice in choices:
    axes.axvline(choice.budget_ms, color="grey", linewidth=0.8, linestyle=":")
    axes.plot(choice.measured.p50, choice.accuracy, "s", markersize=10, fillstyle="none", color="tab:red")
    axes.annotate(choice.child, (choice.measured.p50, choice.accuracy), (6, -12), textcoords="offset points")
axes.plot([], [], "s", fillstyle="none", color="tab:red", label="chosen for a budget (dotted), measured")
axes.set_xlabel(f"median milliseconds on {runtime.adapter.name}")
axes.set_ylabel("accuracy on held-out images, %")
axes.set_title("One supernet, sliced for this device")
axes.legend(loc="lower right")
figure.tight_layout()
figure.savefig("pareto.png", dpi=150)
print("wrote pareto.png")

# %% [markdown]
# ## Close
#
# The choices have refined the profile: store it once more.

# %%
runtime.profile("page.profile.json")
runtime.close()
