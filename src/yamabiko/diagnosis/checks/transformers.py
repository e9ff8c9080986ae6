"""transformers: a model whose task nobody names."""

from __future__ import annotations

from yamabiko.diagnosis.checks.contract import UNTOLD, Check, never

CHECKS = (
    Check(
        "transformers-without-task",
        # A config.json without model_type: a model of another library (an adapter, a GGUF), or a folder that lacks its own.
        words=(r"Unrecognized model in .+\. Should have a `model_type` key in its config\.json",),
        sure_words=(
            r"You cannot infer task automatically within `pipeline` when using offline mode",
            r"Instantiating a pipeline without a task set raised an error",
            r"The model .+ does not seem to have a correct `pipeline_tag` set to infer the task automatically",
            r"Impossible to instantiate a pipeline without either a task or a model being specified",
            r"Inferring the task automatically requires to check the hub with a model_id",
            r"We can't infer the task automatically for this model as there are multiple tasks available",
            r"The model '.+' is not supported for automatic-speech-recognition\.",
            r"Unrecognized configuration class .+ for this kind of AutoModel: AutoModelFor(?:SpeechSeq2Seq|CTC)\b",
        ),
        look=lambda facts: UNTOLD,
        by_itself=never,
    ),
)
