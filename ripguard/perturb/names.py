"""Names that the command line checks before torch is imported; ``tests/perturb`` keeps them equal to the code's."""

LAYERS = ("stage1", "stage2", "stage3", "features")
TARGETS = ("random", "farthest", "cyclic", "permutation", "central")
THROUGH = ("none", "jpeg", "grayscale", "blur", "resize", "posterise", "planes", "crop", "colour")
CLASS_TARGETS = ("cyclic", "permutation", "random")  # where only a class is aimed at
MARK_TARGETS = ("opposite", "cyclic")  # of marks
BY_SURROGATE = ("tap", "fsp", "layered")  # need a net
MARKED = ("marks", "layered")  # have marks of the class
LOOKING = ("marks", *BY_SURROGATE, "em", "em-sample", "ops")  # look at the training pictures, themselves or by a net
