"""What a patient is going to be worth: a model of repeat visits (BG/NBD) and a model of the bill (Gamma-Gamma).

Pure: arrays in, arrays out; time in weeks, money in any one currency. Both models are fitted by maximum likelihood in
closed form, without sampling. A fit says by `method` whether it can be believed:

- `ml`: plain maximum likelihood;
- `prior`: the data alone does not settle the parameters; weak prior knowledge (bg_nbd.PRIOR, gamma_gamma.PRIOR) does;
- `formula`: no parameters at all, `params` is None, and nobody gets a number from the model.

`reason` (`too_few`, `too_short`, `no_repeats`, `not_converged`, `degenerate`; empty with `ml`) says why it is not `ml`.
docs/ltv-model.md has every formula with its source and its assumptions.
"""
