"""A writer that is going to be killed: indexes its share of the documents, and says what was acknowledged.

``python tests/app/database/kill_writer.py URL DATASET WRITER ACKNOWLEDGED``: every batch is indexed by itself; when the
call has returned, its ids go to the file, line by line and flushed. A database that is gone is waited for.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from app.database.engine import open_engine
from app.errors import DatabaseUnavailable
from app.notes.indexing import Indexer
from model.dataset import load_dataset
from tests.app.fakes import FakeCoder

BATCH = 4


def main() -> None:
    url, data, writer, acknowledged = sys.argv[1:]
    dataset = load_dataset(Path(data))
    documents = list(dataset.documents("train"))
    # Each writer starts elsewhere, so that most rows are new to it, and both come by all of them.
    start = int(writer) * len(documents) // 2
    documents = documents[start:] + documents[:start]
    engine = open_engine(url)
    indexer = Indexer(engine, FakeCoder(), "data", dataset.labels, store_text=True)
    with Path(acknowledged).open("a") as file:
        for place in range(0, len(documents), BATCH):
            batch = documents[place : place + BATCH]
            while True:
                try:
                    indexer.run(batch)
                    break
                except DatabaseUnavailable:
                    time.sleep(0.05)
            for document in batch:
                file.write(f"{document.document_id}\n")
            file.flush()


if __name__ == "__main__":
    main()
