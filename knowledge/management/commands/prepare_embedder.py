import time

from django.core.management.base import BaseCommand, CommandError

from knowledge.embedding import EmbedderUnavailable, embedder


class Command(BaseCommand):
    help = (
        "Make sure that texts can be embedded. The local model is quantized and kept in "
        "$CHANCERY_HOME/models, once; a model that EMBEDDING_MODEL names is asked for a vector. "
        "Ends with 1 and the reason when that cannot do; that it is busy or not reached is a "
        "warning. `up` runs this at each start; where the home will be read-only, run it before."
    )

    def handle(self, *args, **options):
        began = time.monotonic()
        try:
            model = embedder()
            model.embed_query("Is anybody there?")
        except EmbedderUnavailable as error:
            if not error.may_pass:
                raise CommandError(str(error)) from error
            self.stderr.write(f"Warning: {error}")
            return
        if options["verbosity"]:
            seconds = time.monotonic() - began
            self.stdout.write(f"{model.name} is ready ({seconds:.1f} s).")
