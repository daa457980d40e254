"""Makes the database of the benchmark."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.core.management import call_command
from django.db import connection

from benchmarks.at_size.vectors import Vectors, cranfield, questions
from benchmarks.at_size.world import PROJECTS, Loader, Measured, index_words, sizes, timed
from common.ids import uuid7
from knowledge.embedding import embedder as local_embedder
from tenants.context import acting_for
from tenants.models import Role
from tenants.services import add_member, create_organization, create_project, create_user
from tenants.testing import as_owner

SEED = 4


@dataclass
class World:
    measured: dict[int, Measured]  # by how many chunks they have
    questions: list[str]
    vectors: np.ndarray  # of the questions


def measured_sizes(chunks: int) -> list[int]:
    """The largest has a fifth of all; 100,000, 40,000, 5,000 and 200 of 500,000."""
    return sorted({200, 5_000, chunks * 2 // 25, chunks // 5})


def make(options) -> World:
    began = time.perf_counter()
    embedder = local_embedder()
    documents = cranfield(options.cranfield / "cran.all.1400")
    asked = questions(options.cranfield / "cran.qry")[:100]
    random = np.random.default_rng(SEED)
    vectors = Vectors(documents, embedder.embed, random)
    words = [word for sentences in documents for s in sentences for word in s.split()]
    embedded = embedder.embed(asked)
    timed(f"{len(vectors.sentences)} sentences and {len(asked)} questions embedded", began)
    with as_owner():
        call_command("migrate", verbosity=0, skip_checks=True)
        measured = _load(options, Loader(None, vectors, words, embedder.name))
        began = time.perf_counter()
        call_command("index_organizations", at_least=min(10_000, options.chunks // 6))
        timed("large organizations indexed", began)
    return World(measured, asked, embedded)


def _load(options, loader: Loader) -> dict[int, Measured]:
    began = time.perf_counter()
    found: dict[int, Measured] = {}
    wanted = measured_sizes(options.chunks)
    loaded: list[UUID] = []
    for number, size in enumerate(sizes(options.chunks, options.organizations, wanted)):
        organization = create_organization(name=f"Number {number}", slug=f"number-{number}")
        projects: list[UUID] = []
        if number < len(wanted):
            found[size], projects = _people(organization)
        connection.ensure_connection()
        loader.connection = connection.connection
        loader.load(organization.pk, size, projects)
        loaded.append(organization.pk)
    timed(f"{options.chunks:,} chunks and their vectors copied", began)
    began = time.perf_counter()
    index_words(connection)
    timed("postings made", began)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    timed("vacuumed", began)
    return found


def _people(organization) -> tuple[Measured, list[UUID]]:
    def person(name: str, role: str) -> Any:
        return create_user(
            organization=organization,
            username=f"{organization.slug}-{name.replace(' ', '-')}",
            email=f"{uuid7()}@example.test",
            roles=[Role.objects.get(name=role, organization=None)],
        )

    owner = person("owner", "Owner")
    readers, projects = {}, []
    with acting_for(organization):
        for name in PROJECTS:
            project = create_project(organization_id=organization.pk, name=name)
            projects.append(project.pk)
            reader = person(name, "Member")
            add_member(project=project, user=reader)
            readers[name] = reader
    return Measured(organization.pk, owner, readers), projects
